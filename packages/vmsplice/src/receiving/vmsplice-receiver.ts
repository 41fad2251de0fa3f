import {
  AdaptiveWaits,
  connect,
  openConnection,
  type ReceiverConnection,
  wrongDescriptors,
} from '@pageferry/connection';
import {
  BaseReceiver,
  LoopBudget,
  type MoveTarget,
  OccupancyQuota,
  SPINS_BETWEEN_YIELDS,
  type SpliceMethod,
} from '@pageferry/core';
import { type LinuxCalls, type OwnedFd, type UnixSocket, yieldProcessor } from '@pageferry/linux';
import { capabilities } from '../capabilities.js';
import { PagePool } from '../memory/page-pool.js';
import type { ReceiverSettings } from '../options.js';
import { isPipeEnd, withOwnFlags } from '../passed-pipe.js';
import { DESCRIPTOR, DESCRIPTOR_COUNT, MECHANISM } from '../protocol.js';
import { RECEIVER_TERMS } from '../terms.js';
import type { InboundMessage } from './inbound-message.js';
import { Inbox } from './inbox.js';
import { Mover } from './mover.js';
import { PayloadPipe } from './payload-pipe.js';
import { RouteMemory } from './route.js';

/** The receiving side of the pipe transport. */
export class VmspliceReceiver extends BaseReceiver<InboundMessage> {
  readonly #calls: LinuxCalls;
  readonly #connection: ReceiverConnection;
  readonly #fd: OwnedFd;
  readonly #pool: PagePool;
  readonly #budget: LoopBudget;
  readonly #waits: AdaptiveWaits;
  readonly #inbox: Inbox;
  readonly #mover: Mover;
  readonly #routes: RouteMemory;
  /** Has calls that wait look again: something may have come. */
  readonly wake: () => void;

  /**
   * Takes the connection over, and the read end of its pipe: with `hangUp`, and not if this throws. It does not watch
   * the connection.
   */
  constructor(
    calls: LinuxCalls,
    settings: ReceiverSettings,
    connection: ReceiverConnection,
    fd: OwnedFd,
  ) {
    const { spinMicroseconds, maxBorrowedBytes, histograms } = settings;
    const budget = new LoopBudget(spinMicroseconds);
    const arm = (): void => connection.park();
    const waits = new AdaptiveWaits({ calls, budget, spinMicroseconds, arm });
    const pool = new PagePool(calls, Number.POSITIVE_INFINITY, maxBorrowedBytes);
    const sizeOf = (byteLength: number): number => pool.slotSize(byteLength);
    super({
      capabilities,
      sender: connection.nameSender(settings.endpoint),
      endpoint: settings.endpoint,
      budget,
      waits,
      quota: new OccupancyQuota(maxBorrowedBytes, sizeOf),
      histograms,
      keepAlive: (on) => connection.keepAlive(on),
    });
    this.#calls = calls;
    this.#connection = connection;
    this.#fd = fd;
    this.#pool = pool;
    this.#budget = budget;
    this.#waits = waits;
    this.#inbox = new Inbox(connection, new PayloadPipe(calls, connection, fd));
    this.#mover = new Mover({ calls, waits, budget, spinMicroseconds });
    this.#routes = new RouteMemory(calls);
    this.wake = () => waits.wake();
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
    const { endpoint, allow } = settings;
    const welcome = await connect(calls, endpoint, MECHANISM, signal, [], [], allow);
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
    if (!pipeFd || !isPipeEnd(calls, pipeFd.fd, 'read')) throw wrongDescriptors();
    const connection = openConnection(calls, socket, descriptors, DESCRIPTOR_COUNT, RECEIVER_TERMS);
    let pipe: OwnedFd | undefined;
    try {
      pipe = withOwnFlags(calls, pipeFd, 'read');
      const receiver = new VmspliceReceiver(calls, settings, connection, pipe);
      const { wake } = receiver;
      connection.watch(calls, { onRing: wake, onHangUp: wake });
      return receiver;
    } catch (error) {
      pipe?.close();
      connection.close();
      throw error;
    }
  }

  protected override next(): InboundMessage | 'end' | undefined {
    return this.#inbox.next();
  }

  protected override gather(message: InboundMessage): boolean {
    message.reserve(this.#pool);
    const before = message.taken;
    while (message.untaken > 0) {
      // Once some of it has come the next piece is near, and getting into line would take longer.
      const isMoving = message.taken > before;
      const available = isMoving ? this.#nextPiece(message) : message.available();
      if (available === 0) return false;
      message.read(available);
      this.#waits.moved();
      if (message.untaken > 0 && this.#budget.exhausted()) {
        this.#waits.resumeSoon();
        return false;
      }
    }
    // First: the sender does not get it back if it cannot be shown.
    message.show();
    this.#inbox.giveBack(message);
    return true;
  }

  protected override tryMove(message: InboundMessage, target: MoveTarget): 'splice' | undefined {
    const route = this.#routes.routeTo(target.fd, target.destination);
    if (route.kind !== 'splice' || message.carried > 0) return undefined;
    while (message.untaken > 0 && !this.#budget.exhausted()) {
      const available = this.#nextPiece(message);
      if (available === 0) return undefined;
      if (route.keepsReferences) message.isReferenced = true;
      if (message.splice(target.fd, available) === 0) return undefined;
    }
    return message.untaken === 0 ? 'splice' : undefined;
  }

  protected override move(
    message: InboundMessage,
    { fd, teeFd, destination }: MoveTarget,
    signal: AbortSignal,
  ): Promise<SpliceMethod> {
    const route = this.#routes.routeTo(fd, destination);
    return this.#mover.move(message, { fd, teeFd, route, signal });
  }

  protected override giveBack(message: InboundMessage): void {
    this.#inbox.giveBack(message);
    message.free();
  }

  protected override async hangUp(): Promise<void> {
    this.#connection.close();
    this.#fd.close();
    this.#mover.close();
    this.#pool.close();
  }

  /** Bytes of a message that can be taken; 0 if none came while polling was allowed. */
  #nextPiece(message: InboundMessage): number {
    do {
      for (let spin = 0; spin < SPINS_BETWEEN_YIELDS; spin++) {
        const available = message.available();
        if (available > 0) return available;
      }
    } while (this.#budget.mayPoll() && !yieldProcessor(this.#calls));
    return 0;
  }
}
