import {
  createSenderParts,
  Endpoint,
  establish,
  LinuxSender,
  type SenderConnection,
  type SenderTerms,
  type WelcomeSender,
} from '@pageferry/connection';
import { dispose, PageferryError, type PeerCredentials } from '@pageferry/core';
import {
  type LinuxCalls,
  type OwnedFd,
  registerGlobalExpedited,
  Scope,
  type UnixSocket,
} from '@pageferry/linux';
import { capabilities } from '../capabilities.js';
import { RECEIVER_WORDS } from '../layout.js';
import { createPool } from '../memory/create-pool.js';
import type { PayloadPool } from '../memory/payload-pool.js';
import type { Slot } from '../memory/slot.js';
import type { SenderSettings } from '../options.js';
import { type BehindPolicy, HELLO, MECHANISM, POLICY, QUEUE_CAPACITY } from '../protocol.js';
import { ClaimableProducer } from '../queue/claimable-queue.js';
import { DroppingSubscriber } from './dropping-subscriber.js';
import { Outbox } from './outbox.js';
import type { SharedMmapReceiverInfo } from './receiver-info.js';
import { Ring } from './ring.js';
import { RingSubscriber } from './ring-subscriber.js';
import { RING_TERMS } from './ring-terms.js';
import type { SubscriberSettings } from './subscriber.js';

/** The sending side of the shared-memory transport: publishes to everybody who connects to an endpoint. */
export class SharedMmapSender extends LinuxSender<Slot, Outbox> {
  private constructor(
    calls: LinuxCalls,
    settings: SenderSettings,
    bound: Endpoint,
    pool: PayloadPool,
    ring: Ring,
  ) {
    const { spinMicroseconds, history, maxReceivers } = settings;
    const parts = createSenderParts(calls, spinMicroseconds, () => outbox.park());
    const { guard } = settings;
    const outbox: Outbox = new Outbox({ ...parts, calls, pool, ring, history, guard });
    super({
      ...settings,
      ...parts,
      calls,
      bound,
      capabilities,
      mechanism: MECHANISM,
      outbox,
      hasRoom: () => outbox.hasRoom(maxReceivers),
      method: { method: 'shared-memory' },
      spins: spinMicroseconds > 0,
    });
  }

  /**
   * Allocates the first part of the pool, and binds the endpoint.
   *
   * @throws as `Transport.createSender`.
   */
  static async create(calls: LinuxCalls, settings: SenderSettings): Promise<SharedMmapSender> {
    const writable = settings.receiverAccess === 'read-write';
    const opened = new Scope();
    try {
      const pool = opened.own(await createPool({ ...settings, calls, writable }));
      const ring = opened.own(Ring.create(calls, QUEUE_CAPACITY, writable));
      const endpoint = opened.own(await Endpoint.bind(calls, settings.endpoint, settings.allow));
      return new SharedMmapSender(calls, settings, endpoint, pool, ring);
    } catch (error) {
      opened[dispose]();
      throw error;
    }
  }

  override get receivers(): readonly SharedMmapReceiverInfo[] {
    return super.receivers as readonly SharedMmapReceiverInfo[];
  }

  protected override admit(
    id: number,
    socket: UnixSocket,
    welcome: WelcomeSender,
    hello: Uint32Array,
    credentials: PeerCredentials | undefined,
  ): void {
    const { outbox } = this;
    const index = outbox.freeIndex();
    const policy = policyOf(hello[HELLO.policy]);
    const queueDepth = queueDepthOf(hello[HELLO.queueDepth]);
    const takesDescriptors = hello[HELLO.descriptors] === 1;
    const admission = { id, index, credentials, policy, queueDepth, takesDescriptors };
    if (policy === 'wait') {
      const parkingPays = hello[HELLO.barrier] === 1 && registerGlobalExpedited(this.calls);
      this.#admit(
        index,
        socket,
        welcome,
        RING_TERMS,
        [outbox.payload, ...outbox.ring.descriptors],
        (connection) => {
          const settings = { ...this.#settingsFor(admission), connection };
          const subscriber = new RingSubscriber(settings, outbox.ring, parkingPays);
          const earlier = outbox.earlierFor(subscriber);
          subscriber.beginWith(earlier);
          return { subscriber, earlier };
        },
      );
    } else {
      this.#admit(index, socket, welcome, MAY_MISS, [outbox.payload], (connection) => {
        const subscriber = new DroppingSubscriber({ ...this.#settingsFor(admission), connection });
        return { subscriber, earlier: outbox.earlierFor(subscriber) };
      });
    }
  }

  #settingsFor<A extends object>(
    admission: A,
  ): A & Omit<SubscriberSettings<never>, keyof Admission> {
    const { outbox } = this;
    return {
      ...admission,
      slot: (slotId) => outbox.slot(slotId),
      onReturn: (slot) => outbox.takeBack(slot),
      onPauseOver: () => outbox.onPauseOver(),
    };
  }

  #admit<Queue>(
    index: number,
    socket: UnixSocket,
    welcome: WelcomeSender,
    terms: SenderTerms<Queue>,
    memories: readonly OwnedFd[],
    subscribe: (connection: SenderConnection<Queue>) => Subscription,
  ): void {
    const { calls, outbox } = this;
    const made = establish(calls, socket, QUEUE_CAPACITY, terms, index);
    const { connection, descriptors, passed, abandon } = made;
    try {
      const { subscriber, earlier } = subscribe(connection);
      const onRing = (): void => outbox.onRing();
      connection.watch(calls, { onRing, onHangUp: onRing });
      connection.watchProcess(calls, subscriber.pid);
      const first = earlier[0]?.sequence ?? outbox.ring.next;
      const words = [first % 2 ** 32, Math.floor(first / 2 ** 32), Number(subscriber.parkingPays)];
      if (!welcome([...descriptors, ...memories], words)) {
        throw new PageferryError('PEER_DIED', 'the receiver left during the handshake');
      }
      outbox.add(subscriber, earlier);
    } catch (error) {
      abandon();
      throw error;
    } finally {
      passed();
    }
  }
}

/** A new subscriber, and what it gets of the history. */
interface Subscription {
  readonly subscriber: RingSubscriber | DroppingSubscriber;
  readonly earlier: readonly Slot[];
}

/** What is known of a receiver before it is served. */
type Admission = Pick<
  SubscriberSettings<never>,
  'id' | 'index' | 'credentials' | 'policy' | 'queueDepth' | 'takesDescriptors' | 'connection'
>;

const MAY_MISS: SenderTerms<ClaimableProducer> = {
  openQueue: (words, place) => new ClaimableProducer(words, place),
  receiverCounters: [RECEIVER_WORDS.memoriesTaken],
};

function policyOf(word: number | undefined): BehindPolicy {
  const found = Object.entries(POLICY).find(([, value]) => value === word);
  if (found === undefined) throw new PageferryError('PEER_MISBEHAVED', 'an unknown policy');
  return found[0] as BehindPolicy;
}

function queueDepthOf(word: number | undefined): number {
  return Math.min(word || QUEUE_CAPACITY, QUEUE_CAPACITY);
}
