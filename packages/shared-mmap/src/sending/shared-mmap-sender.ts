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
  LoopBudget,
  nextTurn,
  PageferryError,
  type PeerCredentials,
  type SendMethod,
} from '@pageferry/core';
import type { LinuxCalls, UnixSocket } from '@pageferry/linux';
import { capabilities } from '../capabilities.js';
import { PayloadPool } from '../memory/payload-pool.js';
import type { Slot } from '../memory/slot.js';
import type { SenderSettings } from '../options.js';
import { type BehindPolicy, HELLO, MECHANISM, POLICY, QUEUE_CAPACITY } from '../protocol.js';
import { History } from './history.js';
import { Lane } from './lane.js';
import { Lanes } from './lanes.js';
import { MemoryPassing } from './memory-passing.js';
import type { SharedMmapReceiverInfo } from './receiver-info.js';

/** How much may be lent before a look at what has come back: it may be in the cache still. */
const CACHED_BYTES = 256 * 1024;

/** The same in loans: a look costs as much as half a message. */
const MAX_LOANS = 32;

/** Messages of this size leave the nearer caches anyway: a look after so many of them is enough. */
const LARGE_BYTES = 1024 * 1024;
const MAX_LARGE_LOANS = 4;

/** How often to look before waiting: up to ten microseconds' worth. */
const LOOKS = 128;

const SEND_METHOD: SendMethod = { method: 'shared-memory' };

/** The sending side of the shared-memory transport: one payload memory, one lane a receiver. */
export class SharedMmapSender extends BaseSender<Slot> {
  readonly #calls: LinuxCalls;
  readonly #endpoint: Endpoint;
  readonly #listener: Listener;
  readonly #pool: PayloadPool;
  readonly #history: History;
  readonly #waits: AdaptiveWaits;
  readonly #lanes: Lanes;
  readonly #passing = new MemoryPassing();
  readonly #looks: number;
  readonly #exhausted: () => boolean;
  #keepsAlive = true;
  #nextLane = 0;
  #sequence = 0;
  /** True if messages of the history wait for their memory to be passed. */
  #someAreBehind = false;
  /** Loans since the last look at what has come back, and their bytes. */
  #loans = 0;
  #loanBytes = 0;

  private constructor(
    calls: LinuxCalls,
    settings: SenderSettings,
    endpoint: Endpoint,
    pool: PayloadPool,
  ) {
    super({ ...settings, capabilities });
    this.#calls = calls;
    this.#endpoint = endpoint;
    this.#pool = pool;
    this.#looks = settings.spinMicroseconds === 0 ? 0 : LOOKS;
    this.#exhausted = () => this.budget.exhausted();
    this.#lanes = new Lanes({
      calls,
      onFailure: (error) => this.connectionFailed(error),
      onEnd: () => this.#onEnd(),
    });
    this.#history = new History(settings.history, (slot) => this.#takeBack(slot));
    this.#waits = new AdaptiveWaits({
      calls,
      budget: this.budget,
      spinMicroseconds: settings.spinMicroseconds,
      arm: () => {
        for (const lane of this.#lanes.all) lane.park();
      },
    });
    this.#listener = new Listener(calls, endpoint, {
      mechanism: MECHANISM,
      hasRoom: () => !this.closed && this.#hasRoom(settings.maxReceivers),
      admit: (...receiver) => this.#admit(...receiver),
      onOver: () => this.#waits.wake(),
    });
  }

  /**
   * Allocates the first part of the pool, and binds the endpoint.
   *
   * @throws as `Transport.createSender`.
   */
  static async create(calls: LinuxCalls, settings: SenderSettings): Promise<SharedMmapSender> {
    const { poolBytes, guard, receiverAccess, preallocateBytes, spinMicroseconds } = settings;
    const writable = receiverAccess === 'read-write';
    const pool = new PayloadPool({ calls, poolBytes, guard, writable });
    const budget = new LoopBudget(spinMicroseconds);
    let endpoint: Endpoint | undefined;
    try {
      while (!pool.grow(preallocateBytes, () => budget.exhausted())) await nextTurn();
      endpoint = await Endpoint.bind(calls, settings.endpoint);
      return new SharedMmapSender(calls, settings, endpoint, pool);
    } catch (error) {
      endpoint?.close();
      pool.close();
      throw error;
    }
  }

  override get receivers(): readonly SharedMmapReceiverInfo[] {
    return super.receivers as readonly SharedMmapReceiverInfo[];
  }

  protected override get looks(): number {
    return this.#looks;
  }

  protected override allocate(byteLength: number): Slot | undefined {
    const collects = this.#isDue(byteLength);
    if (collects) this.#collect();
    let slot = this.#pool.take(byteLength, this.#exhausted);
    if (slot === undefined && !collects) {
      this.#collect();
      slot = this.#pool.take(byteLength, this.#exhausted);
    }
    while (slot === undefined && this.#relieve())
      slot = this.#pool.take(byteLength, this.#exhausted);
    if (typeof slot !== 'string') return slot;
    this.#waits.moved();
    this.#waits.resumeSoon();
    return undefined;
  }

  /** Whether it is time to look at what has come back before taking more memory. */
  #isDue(byteLength: number): boolean {
    this.#loans++;
    this.#loanBytes += byteLength;
    const most = byteLength >= LARGE_BYTES ? MAX_LARGE_LOANS : MAX_LOANS;
    const fits = byteLength >= LARGE_BYTES || this.#loanBytes < CACHED_BYTES;
    if (this.#loans < most && fits) return false;
    this.#loans = 0;
    this.#loanBytes = 0;
    return true;
  }

  protected override free(slot: Slot): void {
    this.#passing.forget(slot);
    this.#pool.endLoan(slot);
    this.#pool.giveBack(slot);
  }

  protected override accept(slot: Slot, byteLength: number): AcceptOutcome {
    const lanes = this.#lanes.all;
    for (let index = 0; index < lanes.length; index++) {
      const lane = lanes[index] as Lane;
      if (lane.broken) {
        this.#dropBroken();
        return this.accept(slot, byteLength);
      }
      if (!lane.mayTake(slot)) return 'full';
    }
    if (lanes.length === 0 && !this.#history.keeps) return 'no-receiver';
    if (slot.own !== undefined) {
      slot.own.seal();
      if (!this.#passing.passToAll(slot, this.#sequence, lanes)) return 'full';
      if (lanes.some((lane) => lane.broken)) return this.accept(slot, byteLength);
    }
    this.#pool.endLoan(slot);
    slot.messageLength = byteLength;
    slot.sequence = this.#sequence++;
    for (let index = 0; index < lanes.length; index++) (lanes[index] as Lane).deliver(slot);
    if (slot.own !== undefined) this.#passing.done();
    this.#history.add(slot);
    if (slot.free) this.#takeBack(slot);
    return 'sent';
  }

  /** What is published has left: it outlives this process. */
  protected override hasLeft(): boolean {
    return !this.#someAreBehind || this.#catchUp();
  }

  /** Publishes what is left of the history for those who came later. False if some of it has to wait. */
  #catchUp(): boolean {
    this.#someAreBehind = false;
    for (const lane of this.#lanes.all) if (!lane.catchUp()) this.#someAreBehind = true;
    this.#dropBroken();
    return !this.#someAreBehind;
  }

  /** Memory that could not be passed may be passed by now. */
  #onPauseOver(): void {
    if (this.#someAreBehind) this.#catchUp();
    this.#waits.wake();
  }

  protected override isFlushed(): boolean {
    this.#collect();
    return this.#lanes.all.every((lane) => lane.idle);
  }

  protected override waitUntil(ready: () => boolean, signal?: AbortSignal): Promise<void> {
    return this.#waits.until(ready, signal);
  }

  protected override recheck(): void {
    this.#waits.wake();
  }

  protected override listReceivers(): readonly SharedMmapReceiverInfo[] {
    this.#collect();
    return this.#lanes.all.map((lane) => lane.info());
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
    return SEND_METHOD;
  }

  protected override keepAlive(on: boolean): void {
    this.#keepsAlive = on;
    this.#listener.keepAlive(on);
    for (const lane of this.#lanes.all) lane.keepAlive(on);
  }

  protected override async finish(): Promise<void> {
    for (const lane of this.#lanes.all) lane.finish();
    this.#end();
  }

  protected override async abandon(): Promise<void> {
    this.#end();
  }

  #end(): void {
    this.#listener.close();
    this.#endpoint.close();
    this.#lanes.closeAll(this.#pool.slots());
    this.#pool.close();
    this.#waits.fail(new PageferryError('CLOSED', 'this sender is closed'));
  }

  #admit(
    socket: UnixSocket,
    welcome: WelcomeSender,
    hello: Uint32Array,
    credentials: PeerCredentials | undefined,
  ): void {
    const calls = this.#calls;
    const policy = policyOf(hello[HELLO.policy]);
    const mayDrop = policy !== 'wait';
    const { connection, descriptors, passed, abandon } = establish(calls, socket, QUEUE_CAPACITY, {
      mayDrop,
    });
    try {
      const lane = new Lane({
        id: this.#nextLane++,
        index: this.#lanes.freeIndex(),
        credentials,
        connection,
        policy,
        queueDepth: queueDepthOf(hello[HELLO.queueDepth]),
        slot: (ticket) => this.#pool.slot(ticket),
        onReturn: (slot) => this.#takeBack(slot),
        onPauseOver: () => this.#onPauseOver(),
      });
      connection.watch(calls, {
        onRing: () => this.#onRing(),
        onHangUp: () => this.#onRing(),
      });
      connection.watchProcess(calls, credentials?.pid);
      lane.keepAlive(this.#keepsAlive);
      const earlier = lane.lastOf(this.#history.slots);
      const first = earlier[0]?.sequence ?? this.#sequence;
      const words = [first % 2 ** 32, Math.floor(first / 2 ** 32)];
      if (!welcome([...descriptors, this.#pool.fd], words)) {
        throw new PageferryError('PEER_DIED', 'the receiver left during the handshake');
      }
      this.#lanes.add(lane);
      lane.deliverEarlier(earlier);
      if (!lane.hasLeft) this.#someAreBehind = true;
      this.#waits.wake();
    } catch (error) {
      abandon();
      throw error;
    } finally {
      passed();
    }
  }

  /** Whether one more receiver can be served. One that was cut off takes up room until it has ended. */
  #hasRoom(maxReceivers: number): boolean {
    if (this.#lanes.taken >= maxReceivers) this.#lanes.closeEnded(this.#pool.slots());
    return this.#lanes.taken < maxReceivers;
  }

  /** A receiver that was cut off has ended. */
  #onEnd(): void {
    this.#lanes.closeEnded(this.#pool.slots());
    this.#waits.wake();
  }

  #onRing(): void {
    this.#collect();
    this.#waits.wake();
  }

  #collect(): void {
    this.#lanes.collect(this.#pool.slots());
  }

  #dropBroken(): void {
    if (this.#lanes.dropBroken(this.#pool.slots())) this.#waits.moved();
  }

  /** Makes room in the pool at the cost of whoever can do without: false if there is nobody. */
  #relieve(): boolean {
    if (this.#lanes.closeEnded(this.#pool.slots())) return true;
    if (this.#history.forgetUnheld()) return true;
    let relieved = false;
    for (const lane of this.#lanes.all) if (lane.dropOne()) relieved = true;
    return relieved;
  }

  #takeBack(slot: Slot): void {
    if (slot.free) this.#pool.giveBack(slot);
  }
}

function policyOf(word: number | undefined): BehindPolicy {
  const found = Object.entries(POLICY).find(([, value]) => value === word);
  if (found === undefined) throw new PageferryError('PEER_MISBEHAVED', 'an unknown policy');
  return found[0] as BehindPolicy;
}

function queueDepthOf(word: number | undefined): number {
  return Math.min(word || QUEUE_CAPACITY, QUEUE_CAPACITY);
}
