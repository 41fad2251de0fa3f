import { establish, openConnection, PLAIN_SENDER } from '@pageferry/connection';
import { createSealedMemory } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { openConnectionPair } from '@pageferry/testkit';
import { RING } from '../../dist/layout.js';
import { RingMemory } from '../../dist/memory/ring-memory.js';
import { PassedMemory } from '../../dist/queue/passed-memory.js';
import { RingConsumer, RingProducer } from '../../dist/queue/ring.js';
import { MessageMemories } from '../../dist/receiving/message-memories.js';
import { PayloadView } from '../../dist/receiving/payload-view.js';
import { RingInbox } from '../../dist/receiving/ring-inbox.js';

const calls = loadLinuxCalls();
/** Entries of the ring. */
export const CAPACITY = 8;

/** Bytes of the payload memory. */
export const PAYLOAD_BYTES = 4096;

/** A ring, and what reads it at the other end of a connection. */
export function openRingInbox(first = 0) {
  const { memory, fd } = RingMemory.create(calls, CAPACITY, false);
  const producer = new RingProducer(memory, first);
  const pair = openConnectionPair(calls, {
    establish: (...where) => establish(...where, PLAIN_SENDER),
    openConnection: (...where) =>
      openConnection(...where, { openQueue: (words) => new RingConsumer(memory, words, first) }),
  });
  using payloadFd = createSealedMemory(calls, 'payload', PAYLOAD_BYTES);
  const receiver = { access: 'read-write', guard: false } as const;
  const entries = { words: memory.words, first: RING.entries, count: CAPACITY };
  const payload = PayloadView.open(payloadFd, { calls, ...receiver }, entries);
  const passed = new PassedMemory(pair.receiver);
  const settings = { ...receiver } as ConstructorParameters<typeof MessageMemories>[0]['receiver'];
  const memories = new MessageMemories({ calls, receiver: settings, payload, passed });
  const inbox = new RingInbox({
    connection: pair.receiver,
    payload,
    memories,
    firstSequence: first,
    parkingPays: false,
  });
  return {
    ...pair,
    producer,
    memory,
    inbox,
    [Symbol.dispose]() {
      memories.close();
      pair[Symbol.dispose]();
      memory.close();
      fd.close();
    },
  };
}
