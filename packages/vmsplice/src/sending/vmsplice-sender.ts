import {
  AdaptiveWaits,
  Endpoint,
  establish,
  Listener,
  type WelcomeSender,
} from '@pageferry/connection';
import {
  type AcceptOutcome,
  BaseSender,
  clock,
  type LoanMemory,
  PageferryError,
  type PeerCredentials,
  type ReceiverInfo,
  type SendMethod,
} from '@pageferry/core';
import { createGrownPipe, type LinuxCalls, type UnixSocket } from '@pageferry/linux';
import { capabilities } from '../capabilities.js';
import { PagePool, type Slot } from '../memory/page-pool.js';
import type { SenderSettings } from '../options.js';
import { MECHANISM, QUEUE_CAPACITY } from '../protocol.js';
import { Lane } from './lane.js';
import type { OutgoingMessage } from './message.js';
import { chooseOutlet, type Outlet, sendMethodOf } from './outlet.js';

interface SlotMemory extends LoanMemory {
  readonly slot: Slot;
}

/** The sending side of the pipe transport: one lane for each receiver, one pool for all. */
export class VmspliceSender extends BaseSender<SlotMemory> {
  readonly #calls: LinuxCalls;
  readonly #settings: SenderSettings;
  readonly #endpoint: Endpoint;
  readonly #listener: Listener;
  readonly #outlet: Outlet;
  readonly #pool: PagePool;
  readonly #waits: AdaptiveWaits;
  readonly #lanes = new Set<Lane>();
  readonly #exhausted: () => boolean;
  #keepsAlive = true;
  #nextLane = 0;
  #sequence = 0;
  #backgroundScheduled = false;

  private constructor(calls: LinuxCalls, settings: SenderSettings, endpoint: Endpoint) {
    super({ ...settings, capabilities });
    this.#calls = calls;
    this.#settings = settings;
    this.#endpoint = endpoint;
    this.#outlet = chooseOutlet(calls);
    this.#pool = new PagePool(calls, settings.poolBytes);
    this.#exhausted = () => this.budget.exhausted();
    this.#waits = new AdaptiveWaits({
      calls,
      budget: this.budget,
      spinMicroseconds: settings.spinMicroseconds,
      arm: () => this.#park(),
    });
    this.#listener = new Listener(calls, endpoint, {
      mechanism: MECHANISM,
      hasRoom: () => !this.closed && this.#lanes.size < settings.maxReceivers,
      admit: (socket, welcome, _, credentials) => this.#admit(socket, welcome, credentials),
      onOver: () => this.#waits.wake(),
    });
  }

  /**
   * Binds the endpoint and finds out how payload leaves on this kernel.
   *
   * @throws as `Transport.createSender`.
   */
  static async create(calls: LinuxCalls, settings: SenderSettings): Promise<VmspliceSender> {
    const endpoint = await Endpoint.bind(calls, settings.endpoint);
    try {
      return new VmspliceSender(calls, settings, endpoint);
    } catch (error) {
      endpoint.close();
      throw error;
    }
  }

  protected override allocate(byteLength: number): SlotMemory | undefined {
    this.#collect();
    const slot = this.#pool.take(byteLength);
    return slot && { bytes: slot.bytes, slot };
  }

  protected override free(memory: SlotMemory): void {
    this.#pool.giveBack(memory.slot);
  }

  protected override accept(memory: SlotMemory, byteLength: number): AcceptOutcome {
    this.#dropBroken();
    if (this.#lanes.size === 0) return 'no-receiver';
    for (const lane of this.#lanes) {
      if (!lane.hasRoom) lane.collect();
      if (!lane.hasRoom) return 'full';
    }
    const { slot } = memory;
    const bytes =
      byteLength === slot.inner.length ? slot.inner : slot.inner.subarray(0, byteLength);
    const message: OutgoingMessage = { slot, bytes, sequence: this.#sequence++, holders: 0 };
    for (const lane of this.#lanes) lane.accept(message);
    this.#pump();
    if (!this.#allEmpty()) this.#pumpInBackground();
    return 'sent';
  }

  protected override hasLeft(): boolean {
    this.#pump();
    return this.#allEmpty();
  }

  protected override isFlushed(): boolean {
    this.#pump();
    this.#collect();
    for (const lane of this.#lanes) if (!lane.idle) return false;
    return true;
  }

  protected override waitUntil(ready: () => boolean, signal?: AbortSignal): Promise<void> {
    return this.#waits.until(ready, signal);
  }

  protected override recheck(): void {
    this.#waits.wake();
  }

  protected override listReceivers(): readonly ReceiverInfo[] {
    this.#collect();
    return Array.from(this.#lanes, (lane) => lane.info());
  }

  protected override countReceivers(): number {
    this.#dropBroken();
    if (this.#lanes.size === 0) this.#listener.checkMayCome();
    return this.#lanes.size;
  }

  protected override bytesOut(): number {
    this.#collect();
    return this.#pool.bytesOut;
  }

  protected override sendMethod(): SendMethod {
    return sendMethodOf(this.#outlet);
  }

  protected override keepAlive(on: boolean): void {
    this.#keepsAlive = on;
    this.#listener.keepAlive(on);
    for (const lane of this.#lanes) lane.keepAlive(on);
  }

  protected override async finish(): Promise<void> {
    for (const lane of this.#lanes) lane.finish();
    this.#end();
  }

  protected override async abandon(): Promise<void> {
    this.#end();
  }

  #end(): void {
    this.#listener.close();
    this.#endpoint.close();
    for (const lane of this.#lanes) lane.close();
    this.#lanes.clear();
    this.#pool.close();
    this.#waits.fail(new PageferryError('CLOSED', 'this sender is closed'));
  }

  #admit(
    socket: UnixSocket,
    welcome: WelcomeSender,
    credentials: PeerCredentials | undefined,
  ): void {
    const calls = this.#calls;
    const { connection, descriptors, passed, abandon } = establish(calls, socket, QUEUE_CAPACITY);
    let pipe: ReturnType<typeof createGrownPipe> | undefined;
    try {
      pipe = createGrownPipe(calls, this.#settings.pipeBytes);
      const { readEnd } = pipe;
      const lane = new Lane({
        id: this.#nextLane++,
        credentials,
        connection,
        pipe,
        outlet: this.#outlet,
        pageSize: calls.pageSize(),
        onReturn: (message, referenced) => this.#takeBack(message, referenced),
      });
      connection.watch(calls, {
        onRing: () => this.#onRing(),
        onHangUp: () => this.#onRing(),
      });
      connection.watchProcess(calls, credentials?.pid);
      lane.keepAlive(this.#keepsAlive);
      if (!welcome([...descriptors, readEnd])) {
        throw new PageferryError('PEER_DIED', 'the receiver left during the handshake');
      }
      this.#lanes.add(lane);
      this.#waits.wake();
    } catch (error) {
      abandon();
      pipe?.writeEnd.close();
      throw error;
    } finally {
      // Only the receiver holds the read end, so that the pipe breaks when the receiver dies.
      pipe?.readEnd.close();
      passed();
    }
  }

  #takeBack(message: OutgoingMessage, referenced: boolean): void {
    if (referenced) message.slot.referenced = true;
    message.holders--;
    if (message.holders === 0) this.#pool.giveBack(message.slot);
  }

  #onRing(): void {
    this.#dropBroken();
    this.#pump();
    this.#waits.wake();
    if (!this.#allEmpty()) this.#pumpInBackground();
  }

  #pump(): void {
    for (const lane of this.#lanes) {
      if (lane.pump(this.#exhausted)) {
        this.#waits.moved();
        if (!lane.empty && this.budget.exhausted()) this.#waits.resumeSoon();
      }
      if (lane.broken) this.#drop(lane);
    }
  }

  #collect(): void {
    for (const lane of this.#lanes) {
      lane.collect();
      if (lane.broken) this.#drop(lane);
    }
  }

  #allEmpty(): boolean {
    for (const lane of this.#lanes) if (!lane.empty) return false;
    return true;
  }

  /** Has what was accepted leave although nobody waits for it. */
  #pumpInBackground(): void {
    if (this.#backgroundScheduled) return;
    this.#backgroundScheduled = true;
    clock.setImmediate(() => {
      this.#backgroundScheduled = false;
      if (this.closed && this.#lanes.size === 0) return;
      this.#pump();
      if (this.#allEmpty()) return;
      if (this.budget.exhausted()) {
        this.#pumpInBackground();
        return;
      }
      this.#park();
      this.#pump();
    });
  }

  #park(): void {
    // Only waits care for what comes back; background work needs room alone.
    for (const lane of this.#lanes) lane.park(this.#waits.parked > 0);
  }

  #dropBroken(): void {
    for (const lane of this.#lanes) if (lane.broken) this.#drop(lane);
  }

  #drop(lane: Lane): void {
    this.#lanes.delete(lane);
    lane.close();
    if (lane.failure !== undefined) this.connectionFailed(lane.failure);
    this.#waits.moved();
  }
}
