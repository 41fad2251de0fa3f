import {
  type DeliverySource,
  FIRST_ENTRY,
  openConnection,
  type ReceiverConnection,
  type ReceiverTerms,
  senderMisbehaved,
  type Welcome,
  wrongDescriptors,
} from '@pageferry/connection';
import { dispose } from '@pageferry/core';
import { globalExpeditedBarrier, type LinuxCalls, type OwnedFd, Scope } from '@pageferry/linux';
import { RING, SENDER_WORDS } from '../layout.js';
import { RingMemory } from '../memory/ring-memory.js';
import type { ReceiverSettings } from '../options.js';
import { DESCRIPTOR, DESCRIPTOR_COUNT, WELCOME } from '../protocol.js';
import { ClaimableConsumer } from '../queue/claimable-queue.js';
import { PassedMemory, type TellingSource } from '../queue/passed-memory.js';
import { RingConsumer } from '../queue/ring.js';
import type { PublishedEntries } from './explain-writes.js';
import type { Inbox } from './inbox.js';
import { MessageMemories, type MessageMemoriesSettings } from './message-memories.js';
import { PayloadView } from './payload-view.js';
import { QueueInbox } from './queue-inbox.js';
import { RingInbox, type RingInboxSettings } from './ring-inbox.js';

/** The sender's counters that a receiver goes by that reads a ring, beside that of the ring. */
export const RING_COUNTERS: readonly number[] = [
  SENDER_WORDS.memoriesPassed,
  SENDER_WORDS.ringIsLimited,
  SENDER_WORDS.ringLimit,
];

/** What a receiver consists of, once it is connected. It takes them over. */
export interface ReceivingParts {
  readonly connection: ReceiverConnection<DeliverySource>;
  readonly inbox: Inbox;
  readonly memories: MessageMemories;
  /** Where it reads what is published, if it must not miss messages. */
  readonly ring: RingMemory | undefined;
  /**
   * Says that this side parks; it looks once more before it does.
   *
   * @throws `SYSTEM_CALL_FAILED`: nobody may wake it.
   */
  readonly park: () => void;
}

/**
 * Opens what came with a welcome. If this throws, its descriptors and socket stay the caller's.
 *
 * @throws `PEER_MISBEHAVED` if it is not what it should be, `NOT_SUPPORTED`, `SYSTEM_CALL_FAILED`.
 */
export function openParts(
  calls: LinuxCalls,
  settings: ReceiverSettings,
  welcome: Welcome,
): ReceivingParts {
  const opened = new Scope();
  try {
    return settings.whenBehind === 'wait'
      ? openRing(calls, settings, welcome, opened)
      : openQueue(calls, settings, welcome, opened);
  } catch (error) {
    opened[dispose]();
    throw error;
  }
}

function openRing(
  calls: LinuxCalls,
  settings: ReceiverSettings,
  { socket, descriptors, parameters }: Welcome,
  opened: Scope,
): ReceivingParts {
  const ringFd = descriptors[DESCRIPTOR.ring];
  if (ringFd === undefined) throw wrongDescriptors();
  const firstSequence = firstSequenceOf(parameters);
  const ring = opened.own(RingMemory.open(calls, ringFd));
  const terms: ReceiverTerms<RingConsumer> = {
    openQueue: (words) => new RingConsumer(ring, words, firstSequence),
    senderCounters: RING_COUNTERS,
    senderProgress: () => Atomics.load(ring.words, RING.published),
  };
  const count = DESCRIPTOR_COUNT.wait;
  const connection = opened.own(openConnection(calls, socket, descriptors, count, terms));
  ringFd.close();
  const entries = { words: ring.words, first: RING.entries, count: ring.capacity };
  const payload = opened.own(openPayload(calls, settings, descriptors, entries));
  const parkingPays = parameters[WELCOME.barrier] === 1;
  const parts = ringParts(calls, settings, { connection, payload, firstSequence, parkingPays });
  return { ...parts, ring };
}

/** What is opened of a connection over which a ring is read. */
export type OpenedRing = Omit<RingInboxSettings, 'memories'>;

/** What a receiver that reads a ring consists of. It takes over what was opened. */
export function ringParts(
  calls: LinuxCalls,
  receiver: MessageMemoriesSettings['receiver'],
  opened: OpenedRing,
): Omit<ReceivingParts, 'ring'> {
  const { connection, payload, parkingPays } = opened;
  const { memories } = openMemories(calls, receiver, payload, connection);
  const park = (): void => {
    connection.park();
    // The sender publishes without a barrier of its own.
    if (parkingPays) globalExpeditedBarrier(calls);
  };
  return { connection, inbox: new RingInbox({ ...opened, memories }), memories, park };
}

function openQueue(
  calls: LinuxCalls,
  settings: ReceiverSettings,
  { socket, descriptors, parameters }: Welcome,
  opened: Scope,
): ReceivingParts {
  const firstSequence = firstSequenceOf(parameters);
  const terms: ReceiverTerms<ClaimableConsumer> = {
    openQueue: (words, place) => new ClaimableConsumer(words, place),
    senderCounters: [SENDER_WORDS.memoriesPassed],
  };
  const count = DESCRIPTOR_COUNT.mayMiss;
  const connection = opened.own(openConnection(calls, socket, descriptors, count, terms));
  const entries = { words: connection.words, first: FIRST_ENTRY, count: connection.capacity };
  const payload = opened.own(openPayload(calls, settings, descriptors, entries));
  const { memories, passed } = openMemories(calls, settings, payload, connection);
  const inbox = new QueueInbox({ connection, payload, memories, passed, firstSequence });
  return { connection, inbox, memories, ring: undefined, park: () => connection.park() };
}

function openPayload(
  calls: LinuxCalls,
  settings: ReceiverSettings,
  descriptors: readonly OwnedFd[],
  entries: PublishedEntries,
): PayloadView {
  const fd = descriptors[DESCRIPTOR.payload];
  if (fd === undefined) throw wrongDescriptors();
  const payload = PayloadView.open(fd, { calls, ...settings }, entries);
  fd.close();
  return payload;
}

function openMemories(
  calls: LinuxCalls,
  receiver: MessageMemoriesSettings['receiver'],
  payload: PayloadView,
  connection: ReceiverConnection<TellingSource>,
): { readonly memories: MessageMemories; readonly passed: PassedMemory } {
  const passed = new PassedMemory(connection);
  return { passed, memories: new MessageMemories({ calls, receiver, payload, passed }) };
}

/** The largest number of a first message: nobody counts on from there to 2^53, the first that is too large. */
const LARGEST_FIRST = 2 ** 52;

/**
 * The number of the first message that will come.
 *
 * @throws `PEER_MISBEHAVED` for one that no program can count on from.
 */
function firstSequenceOf(parameters: Uint32Array): number {
  const low = parameters[WELCOME.firstSequenceLow] ?? 0;
  const high = parameters[WELCOME.firstSequenceHigh] ?? 0;
  const first = high * 2 ** 32 + low;
  if (first > LARGEST_FIRST)
    throw senderMisbehaved('its messages have too large numbers');
  return first;
}
