import {
  type ChannelConnection,
  type ChannelEvents,
  type ChannelTerms,
  createSenderParts,
  FIRST_ENTRY,
  joinHalves,
  type OpenedChannel,
  type ReceiverConnection,
  type SenderConnection,
} from '@pageferry/connection';
import { ChannelSender, type PeerCredentials, type Presence } from '@pageferry/core';
import type { LinuxCalls, OwnedFd } from '@pageferry/linux';
import { capabilities } from '../capabilities.js';
import type { Slot } from '../memory/slot.js';
import type { ReceiverSettings } from '../options.js';
import { RingConsumer } from '../queue/ring.js';
import { PayloadView } from '../receiving/payload-view.js';
import { type ReceivingParts, RING_COUNTERS, ringParts } from '../receiving/receiving-parts.js';
import { SharedMmapReceiver } from '../receiving/shared-mmap-receiver.js';
import { Outbox } from '../sending/outbox.js';
import { Ring } from '../sending/ring.js';
import { RingSubscriber } from '../sending/ring-subscriber.js';
import { RING_TERMS } from '../sending/ring-terms.js';
import type { SharedPayloadPool } from '../sending/shared-pool.js';
import type { SubscriberSettings } from '../sending/subscriber.js';
import type { SideSettings } from './options.js';
import { CHANNEL_CAPACITY } from './protocol.js';

/** Both ends that a side has: what it sends lies in a ring in the control memory, and so does what comes. */
export type Ends = ChannelConnection<undefined, RingConsumer>;

/** What both sides of a channel ask of the connection. */
export const CHANNEL_TERMS: ChannelTerms<undefined, RingConsumer> = {
  outgoing: RING_TERMS,
  incoming: {
    openQueue: (words, { capacity }) => new RingConsumer({ words, capacity }, words, 0),
    senderCounters: RING_COUNTERS,
  },
};

/** What a channel is made of. It takes over the ends, and the payload memory of the peer. */
export interface ChannelPartsSettings {
  readonly calls: LinuxCalls;
  readonly settings: SideSettings;
  readonly ends: Ends;
  /** The pool, which this side's channels share. */
  readonly sharing: SharedPayloadPool;
  /** Which of the bits in a slot is this channel's. */
  readonly index: number;
  readonly peer: PeerCredentials | undefined;
  readonly parkingPays: boolean;
  /** Whether the peer takes descriptors that travel with messages. */
  readonly takesDescriptors: boolean;
  /** The payload memory of the peer, mapped. */
  readonly payload: PayloadView;
  readonly events: ChannelEvents;
}

/** Maps the payload memory that the peer has passed. Its descriptor stays the caller's. */
export function openPayload(
  calls: LinuxCalls,
  fd: OwnedFd,
  { guard }: SideSettings,
  incoming: ReceiverConnection<RingConsumer>,
): PayloadView {
  const entries = { words: incoming.words, first: FIRST_ENTRY, count: incoming.capacity };
  return PayloadView.open(fd, { calls, access: 'read-only', guard }, entries);
}

/**
 * Puts a channel together, and starts to watch its connection.
 *
 * @throws `SYSTEM_CALL_FAILED`; then the ends and the payload stay the caller's.
 */
export function makeChannel(parts: ChannelPartsSettings): OpenedChannel {
  const { calls, settings, ends, peer, payload, parkingPays } = parts;
  const { outbox, sender, presence } = makeSender(parts);
  const reading: ReceiverSettings = {
    ...settings,
    maxBorrowed: CHANNEL_CAPACITY,
    whenBehind: 'wait',
    queueDepth: CHANNEL_CAPACITY,
    access: 'read-only',
  };
  const opened = { connection: ends.incoming, payload, firstSequence: 0, parkingPays };
  let receiving: Omit<ReceivingParts, 'ring'> | undefined;
  try {
    receiving = ringParts(calls, reading, opened);
    const receiver = new SharedMmapReceiver(calls, reading, { ...receiving, ring: undefined });
    // Who is cut off for what it gave back sends nothing more, either: who waits for a message learns of it.
    presence.on('leave', receiver.wake);
    const { wake } = receiver;
    const halves = {
      sender,
      receiver,
      wakeSender: () => outbox.onRing(),
      wakeReceiver: wake,
      freeSender: () => outbox.close(),
    };
    const channel = joinHalves(calls, ends.link, peer, halves, parts.events);
    return { channel, parkReceiving: receiving.park };
  } catch (error) {
    receiving?.threads?.close();
    parts.sharing.delete(outbox);
    throw error;
  }
}

interface SendingHalf {
  readonly outbox: Outbox;
  readonly sender: ChannelSender<Slot>;
  readonly presence: Presence;
}

function makeSender({
  calls,
  settings,
  ends,
  sharing,
  index,
  peer,
  parkingPays,
  takesDescriptors,
}: ChannelPartsSettings): SendingHalf {
  const { spinMicroseconds, guard, poolBytes, endpoint, histograms } = settings;
  const { outgoing } = ends;
  const common = createSenderParts(calls, spinMicroseconds, () => sharing.park());
  const { pool } = sharing;
  const ring = new Ring(outgoing);
  const outbox = new Outbox({ ...common, calls, pool, sharing, index, ring, history: 0, guard });
  const receiver = { index, credentials: peer, takesDescriptors };
  outbox.add(subscribe(outgoing, outbox, receiver, parkingPays), []);
  const sender = new ChannelSender({
    ...common,
    endpoint,
    capabilities,
    poolBytes,
    maxReceivers: 1,
    outbox,
    method: { method: 'shared-memory' },
    spins: spinMicroseconds > 0,
    histograms,
    end: (inOrder) => {
      if (inOrder) outbox.finish();
    },
  });
  return { outbox, sender, presence: common.presence };
}

function subscribe(
  connection: SenderConnection<undefined>,
  outbox: Outbox,
  receiver: Pick<SubscriberSettings<undefined>, 'index' | 'credentials' | 'takesDescriptors'>,
  parkingPays: boolean,
): RingSubscriber {
  const subscriber = new RingSubscriber(
    {
      ...receiver,
      id: 0,
      connection,
      policy: 'wait',
      queueDepth: CHANNEL_CAPACITY,
      slot: (slotId) => outbox.slot(slotId),
      onReturn: (slot) => outbox.takeBack(slot),
      onPauseOver: () => outbox.onPauseOver(),
    },
    outbox.ring,
    parkingPays,
  );
  subscriber.beginWith([]);
  return subscriber;
}
