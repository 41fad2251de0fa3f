import {
  DELIVERY_WORDS,
  Endpoint,
  LinuxListener,
  type Newcomer,
  type OpenedChannel,
  type SenderParts,
} from '@pageferry/connection';
import { dispose, type Lender, type LoanMemory } from '@pageferry/core';
import {
  checkThreadAliases,
  EMFILE,
  type LinuxCalls,
  registerGlobalExpedited,
  Scope,
  systemCallError,
} from '@pageferry/linux';
import { capabilities } from '../capabilities.js';
import { RING } from '../layout.js';
import { createPool } from '../memory/create-pool.js';
import type { RingConsumer } from '../queue/ring.js';
import { Outbox } from '../sending/outbox.js';
import { Ring } from '../sending/ring.js';
import { SharedPayloadPool } from '../sending/shared-pool.js';
import { CHANNEL_TERMS, makeChannel, openPayload } from './channel-parts.js';
import type { checkListen } from './options.js';
import { CHANNEL_CAPACITY, CHANNEL_HELLO, CHANNEL_MECHANISM } from './protocol.js';

type Settings = ReturnType<typeof checkListen>;

/** The listening side of channels over shared memory. */
export class SharedMmapListener extends LinuxListener<undefined, RingConsumer> {
  readonly #settings: Settings;
  readonly #sharing: SharedPayloadPool;

  private constructor(
    calls: LinuxCalls,
    settings: Settings,
    bound: Endpoint,
    sharing: SharedPayloadPool,
  ) {
    super({
      ...settings,
      calls,
      bound,
      mechanism: CHANNEL_MECHANISM,
      terms: CHANNEL_TERMS,
      capacity: CHANNEL_CAPACITY,
      capabilities,
      createLender: (parts) => createLender(calls, parts, sharing, settings.guard),
      parkSending: () => sharing.park(),
      hasRoom: () => sharing.hasRoom,
    });
    this.#settings = settings;
    this.#sharing = sharing;
  }

  /**
   * Allocates the first part of the pool, and binds the endpoint.
   *
   * @throws as `Transport.listen`.
   */
  static async create(calls: LinuxCalls, settings: Settings): Promise<SharedMmapListener> {
    if (settings.sharedToThreads) checkThreadAliases(calls, 'sharedToThreads');
    const opened = new Scope();
    try {
      const pool = opened.own(await createPool({ ...settings, calls, writable: false }));
      const endpoint = opened.own(await Endpoint.bind(calls, settings.endpoint, settings.allow));
      return new SharedMmapListener(calls, settings, endpoint, new SharedPayloadPool(pool));
    } catch (error) {
      opened[dispose]();
      throw error;
    }
  }

  protected override freePool(): void {
    this.#sharing.close();
  }

  protected override open({
    ends,
    parameters,
    credentials,
    descriptors: [payloadFd],
    welcome,
    events,
  }: Newcomer<undefined, RingConsumer>): OpenedChannel {
    // The kernel throws away what this process has no descriptors left for.
    if (payloadFd === undefined) throw systemCallError('recvmsg', -EMFILE);
    const { calls } = this;
    const payload = openPayload(calls, payloadFd, this.#settings, ends.incoming);
    try {
      const parkingPays = parameters[CHANNEL_HELLO.barrier] === 1 && registerGlobalExpedited(calls);
      const index = this.#sharing.freeIndex();
      welcome([this.#sharing.pool.fd], [Number(parkingPays), 1]);
      return makeChannel({
        calls,
        settings: this.#settings,
        ends,
        sharing: this.#sharing,
        index,
        peer: credentials,
        parkingPays,
        takesDescriptors: parameters[CHANNEL_HELLO.descriptors] === 1,
        payload,
        events,
      });
    } catch (error) {
      payload.close();
      throw error;
    }
  }
}

/** An outbox without a subscriber: it lends what any channel can send. */
function createLender(
  calls: LinuxCalls,
  parts: SenderParts,
  sharing: SharedPayloadPool,
  guard: boolean,
): Lender<LoanMemory> {
  const { pool } = sharing;
  const ring = new Ring({ words: new Int32Array(RING.entries + DELIVERY_WORDS), capacity: 1 });
  const outbox = new Outbox({ ...parts, calls, pool, sharing, index: -1, ring, history: 0, guard });
  return outbox as Lender<never> as Lender<LoanMemory>;
}
