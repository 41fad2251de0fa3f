import { createEntry, type QueuePlace } from '@pageferry/connection';
import { expect, test } from 'vitest';
import { DELIVERY, DELIVERY_ENTRY_WORDS } from '../dist/layout.js';
import { Slot } from '../dist/memory/slot.js';
import { ClaimableConsumer, ClaimableProducer } from '../dist/queue/claimable-queue.js';
import { DroppableQueue } from '../dist/sending/droppable-queue.js';

const place: QueuePlace = { counter: 0, entries: 32, capacity: 4, stride: 8 };

test.each([5, 2 ** 32 + 5, Number.MAX_SAFE_INTEGER])('publishes number %i whole', (sequence) => {
  const words = new Int32Array(128);
  const queue = new DroppableQueue(new ClaimableProducer(words, place), place.capacity, true);
  const slot = new Slot(7, 640, 128);
  slot.messageLength = 100;
  slot.sequence = sequence;
  queue.push(slot);
  const entry = createEntry(DELIVERY_ENTRY_WORDS);
  expect(new ClaimableConsumer(words, place).claim(entry, 1)).toBe(true);
  const [byteLength, unit, slotId, low = 0] = entry;
  const high = entry[DELIVERY.sequenceHigh] ?? 0;
  expect([byteLength, unit, slotId]).toEqual([100, 10, 7]);
  expect(high * 2 ** 32 + (low >>> 0)).toBe(sequence);
});
