import {
  AdaptiveWaits,
  connect,
  openConnection,
  type ReceiverConnection,
  wrongDescriptors,
  yieldProcessor,
} from '@pageferry/connection';
import {
  BaseReceiver,
  type DeliveryMemory,
  isPageferryError,
  PageferryError,
  type SpliceDestination,
  type SpliceResult,
  withBytesTransferred,
  withEither,
} from '@pageferry/core';
import type { LinuxCalls, OwnedFd, UnixSocket } from '@pageferry/linux';
import { capabilities } from '../capabilities.js';
import { PagePool, type Slot } from '../memory/page-pool.js';
import type { ReceiverSettings } from '../options.js';
import { DESCRIPTOR, DESCRIPTOR_COUNT, MECHANISM } from '../protocol.js';
import { type Route, RouteMemory } from './destination.js';
import type { InboundMessage } from './inbound.js';
import { Inlet } from './inlet.js';
import { Mover, type PipeMethod } from './mover.js';
import { isReadEnd, withOwnFlags } from './passed-pipe.js';

interface SlotDelivery extends DeliveryMemory {
  readonly slot: Slot;
}

/** How often to look for a piece before offering the processor to others. */
const LOOKS = 32;

/** The receiving side of the pipe transport. */
export class VmspliceReceiver extends BaseReceiver<SlotDelivery> {
  readonly #calls: LinuxCalls;
  readonly #connection: ReceiverConnection;
  readonly #pipe: OwnedFd;
  readonly #pool: PagePool;
  readonly #waits: AdaptiveWaits;
  readonly #inlet: Inlet;
  readonly #mover: Mover;
  readonly #routes: RouteMemory;
  /** Ends whatever waits for a destination. */
  readonly #closing = new AbortController();
  #failure: PageferryError | undefined;

  private constructor(
    calls: LinuxCalls,
    settings: ReceiverSettings,
    connection: ReceiverConnection,
    pipe: OwnedFd,
  ) {
    const sender = connection.nameSender(settings.endpoint);
    super({ ...settings, capabilities, sender });
    const { spinMicroseconds } = settings;
    this.#calls = calls;
    this.#connection = connection;
    this.#pipe = pipe;
    this.#pool = new PagePool(calls, settings.maxBorrowedBytes);
    this.#waits = new AdaptiveWaits({
      calls,
      budget: this.budget,
      spinMicroseconds,
      arm: () => connection.park(),
    });
    this.#inlet = new Inlet({ calls, connection, pipe, pool: this.#pool });
    const { budget } = this;
    this.#mover = new Mover({
      calls,
      inlet: this.#inlet,
      waits: this.#waits,
      budget,
      spinMicroseconds,
    });
    this.#routes = new RouteMemory(calls);
    connection.watch(calls, {
      onRing: () => this.#waits.wake(),
      onHangUp: () => this.#waits.wake(),
    });
  }

  /**
   * Connects to a sender and takes over what it passes.
   *
   * @throws as `Transport.createReceiver`.
   */
  static async create(
    calls: LinuxCalls,
    settings: ReceiverSettings,
    signal: AbortSignal | undefined,
  ): Promise<VmspliceReceiver> {
    const welcome = await connect(calls, settings.endpoint, MECHANISM, signal);
    try {
      return VmspliceReceiver.#open(calls, settings, welcome.socket, welcome.descriptors);
    } catch (error) {
      welcome.socket.close();
      for (const descriptor of welcome.descriptors) descriptor.close();
      throw error;
    }
  }

  static #open(
    calls: LinuxCalls,
    settings: ReceiverSettings,
    socket: UnixSocket,
    descriptors: readonly OwnedFd[],
  ): VmspliceReceiver {
    const pipeFd = descriptors[DESCRIPTOR.pipe];
    if (!pipeFd || !isReadEnd(calls, pipeFd.fd)) throw wrongDescriptors();
    const connection = openConnection(calls, socket, descriptors, DESCRIPTOR_COUNT);
    let pipe: OwnedFd | undefined;
    try {
      pipe = withOwnFlags(calls, pipeFd);
      return new VmspliceReceiver(calls, settings, connection, pipe);
    } catch (error) {
      pipe?.close();
      connection.close();
      throw error;
    }
  }

  protected override poll(): SlotDelivery | 'end' | undefined {
    return this.#guarded(() => {
      const message = this.#inlet.message();
      return message === undefined || message === 'end' ? message : this.#gather(message);
    });
  }

  protected override waitUntil(ready: () => boolean, signal?: AbortSignal): Promise<void> {
    return this.#waits.until(ready, signal);
  }

  protected override giveBack(memory: SlotDelivery): void {
    this.#pool.giveBack(memory.slot);
    // A receive may wait for this room.
    if (this.#waits.parked > 0) this.#waits.wake();
  }

  protected override tryMoveTo(
    fd: number,
    destination: SpliceDestination,
  ): SpliceResult | 'end' | number {
    return this.#guarded(() => {
      const message = this.#inlet.message();
      if (message === undefined) return 0;
      if (message === 'end') return 'end';
      const route = this.#routeTo(fd, destination);
      if (route.kind !== 'splice' || message.carry !== undefined) return 0;
      const start = message.moved;
      do {
        const available = this.#nextPiece(message);
        if (available === 0) break;
        if (route.keepsReferences) message.referenced = true;
        if (this.#inlet.splice(message, fd, available) === 0) break;
      } while (message.taken < message.byteLength && !this.budget.exhausted());
      const moved = message.moved - start;
      return message.taken < message.byteLength ? moved : this.#finish(message, moved, 'splice');
    });
  }

  protected override async moveTo(
    fd: number,
    teeFd: number | undefined,
    signal: AbortSignal | undefined,
    bytesMoved: number,
    destination: SpliceDestination,
  ): Promise<SpliceResult | undefined> {
    let message: InboundMessage | 'end' | undefined;
    const ready = (): boolean => {
      message = this.#guarded(() => this.#inlet.message());
      return message !== undefined;
    };
    await this.#waits.until(ready, signal);
    const inbound = message as unknown as InboundMessage | 'end';
    if (inbound === 'end') return undefined;
    const start = inbound.moved - bytesMoved;
    try {
      const route = this.#routeTo(fd, destination);
      const method = await withEither(signal, this.#closing.signal, (either) =>
        this.#mover.move(inbound, { fd, teeFd, route, signal: either }),
      );
      return this.#finish(inbound, inbound.moved - start, method);
    } catch (error) {
      throw this.#remember(withBytesTransferred(error, inbound.moved - start));
    }
  }

  protected override waitsFor(): 'message' | 'rest' | 'release' {
    return this.#inlet.state();
  }

  protected override keepAlive(on: boolean): void {
    this.#connection.keepAlive(on);
  }

  protected override async hangUp(): Promise<void> {
    const closed = new PageferryError('CLOSED', 'this receiver is closed');
    this.#closing.abort(closed);
    this.#waits.fail(closed);
    // The thread pool may still use the memory and the pipe, and what it has moved is given back then.
    await this.moveIsOver();
    this.#connection.close();
    this.#pipe.close();
    this.#mover.close();
    this.#pool.close();
  }

  /** Reads what is here of a message; returns it if that makes it whole. */
  #gather(message: InboundMessage): SlotDelivery | undefined {
    const slot = this.#inlet.gather(message);
    const { carry } = message;
    if (slot === undefined || carry === undefined) return undefined;
    const before = message.taken;
    while (message.taken < message.byteLength) {
      // Once some of it has come the next piece is near, and getting into line would take longer.
      const moving = message.taken > before;
      const available = moving ? this.#nextPiece(message) : this.#inlet.available(message);
      if (available === 0) return undefined;
      carry.end += this.#inlet.read(message, slot, carry.end, available);
      this.#waits.moved();
      if (message.taken < message.byteLength && this.budget.exhausted()) {
        this.#waits.resumeSoon();
        return undefined;
      }
    }
    // First: it is not finished if there are none.
    const { bytes } = slot;
    message.carry = undefined;
    this.#inlet.finish(message);
    return { bytes, sequence: message.sequence, offset: message.moved, slot };
  }

  /** Bytes of a message that can be taken; 0 if none came while polling was allowed. */
  #nextPiece(message: InboundMessage): number {
    do {
      for (let look = 0; look < LOOKS; look++) {
        const available = this.#inlet.available(message);
        if (available > 0) return available;
      }
    } while (!this.budget.exhausted() && !yieldProcessor(this.#calls));
    return 0;
  }

  #routeTo(fd: number, destination: unknown): Route {
    try {
      return this.#routes.routeTo(fd, destination);
    } catch (error) {
      throw withBytesTransferred(error, 0);
    }
  }

  #finish(message: InboundMessage, byteLength: number, method: PipeMethod): SpliceResult {
    this.#inlet.finish(message);
    const userSpaceCopies = method === 'splice' ? 0 : 2;
    return { byteLength, sequence: message.sequence, method, userSpaceCopies };
  }

  /** Runs a step of receiving; what the sender did wrong stays wrong. */
  #guarded<T>(step: () => T): T {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      return step();
    } catch (error) {
      throw this.#remember(error);
    }
  }

  #remember(error: unknown): unknown {
    if (isPageferryError(error, 'PEER_DIED') || isPageferryError(error, 'PEER_MISBEHAVED')) {
      this.#failure = error;
    }
    return error;
  }
}
