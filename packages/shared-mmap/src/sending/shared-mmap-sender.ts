import {
  createSenderParts,
  Endpoint,
  establish,
  LinuxSender,
  type SenderTerms,
  type WelcomeSender,
} from '@pageferry/connection';
import { LoopBudget, nextTurn, PageferryError, type PeerCredentials } from '@pageferry/core';
import type { LinuxCalls, UnixSocket } from '@pageferry/linux';
import { capabilities } from '../capabilities.js';
import { RECEIVER_WORDS } from '../layout.js';
import { PayloadPool } from '../memory/payload-pool.js';
import type { Slot } from '../memory/slot.js';
import type { SenderSettings } from '../options.js';
import { type BehindPolicy, HELLO, MECHANISM, POLICY, QUEUE_CAPACITY } from '../protocol.js';
import { ClaimableProducer } from '../queue/claimable-queue.js';
import { DeliveryProducer } from '../queue/delivery-queue.js';
import { Outbox } from './outbox.js';
import type { SharedMmapReceiverInfo } from './receiver-info.js';
import { Subscriber } from './subscriber.js';

/** The sending side of the shared-memory transport: publishes to everybody who connects to an endpoint. */
export class SharedMmapSender extends LinuxSender<Slot, Outbox> {
  private constructor(
    calls: LinuxCalls,
    settings: SenderSettings,
    bound: Endpoint,
    pool: PayloadPool,
  ) {
    const { spinMicroseconds, history, maxReceivers } = settings;
    const parts = createSenderParts(calls, spinMicroseconds, () => outbox.park());
    const outbox: Outbox = new Outbox({ ...parts, calls, pool, history });
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

  protected override admit(
    id: number,
    socket: UnixSocket,
    welcome: WelcomeSender,
    hello: Uint32Array,
    credentials: PeerCredentials | undefined,
  ): void {
    const { calls, outbox } = this;
    const policy = policyOf(hello[HELLO.policy]);
    const terms: SenderTerms<DeliveryProducer | ClaimableProducer> =
      policy === 'wait' ? MUST_NOT_MISS : MAY_MISS;
    const { connection, descriptors, passed, abandon } = establish(
      calls,
      socket,
      QUEUE_CAPACITY,
      terms,
    );
    try {
      const subscriber = new Subscriber({
        id,
        index: outbox.freeIndex(),
        credentials,
        connection,
        policy,
        queueDepth: queueDepthOf(hello[HELLO.queueDepth]),
        slot: (slotId) => outbox.slot(slotId),
        onReturn: (slot) => outbox.takeBack(slot),
        onPauseOver: () => outbox.onPauseOver(),
      });
      const onRing = (): void => outbox.onRing();
      connection.watch(calls, { onRing, onHangUp: onRing });
      connection.watchProcess(calls, credentials?.pid);
      const { earlier, firstSequence } = outbox.earlierFor(subscriber);
      const words = [firstSequence % 2 ** 32, Math.floor(firstSequence / 2 ** 32)];
      if (!welcome([...descriptors, outbox.payload], words)) {
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

const receiverCounters = [RECEIVER_WORDS.memoriesTaken];

const MUST_NOT_MISS: SenderTerms<DeliveryProducer> = {
  openQueue: (words, place) => new DeliveryProducer(words, place),
  receiverCounters,
};

const MAY_MISS: SenderTerms<ClaimableProducer> = {
  openQueue: (words, place) => new ClaimableProducer(words, place),
  receiverCounters,
};

function policyOf(word: number | undefined): BehindPolicy {
  const found = Object.entries(POLICY).find(([, value]) => value === word);
  if (found === undefined) throw new PageferryError('PEER_MISBEHAVED', 'an unknown policy');
  return found[0] as BehindPolicy;
}

function queueDepthOf(word: number | undefined): number {
  return Math.min(word || QUEUE_CAPACITY, QUEUE_CAPACITY);
}
