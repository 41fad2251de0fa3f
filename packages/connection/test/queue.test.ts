import { createEntry, QueueConsumer, type QueuePlace, QueueProducer } from '@pageferry/connection';
import { beforeEach, describe, expect, test, vi } from 'vitest';

const COUNTER = 0;
const FIRST_ENTRY = 32;
const CAPACITY = 4;
const WORDS_PER_ENTRY = 4;
const place: QueuePlace = {
  counter: COUNTER,
  entries: FIRST_ENTRY,
  capacity: CAPACITY,
  stride: WORDS_PER_ENTRY,
};

let words: Int32Array;
let producer: QueueProducer;
let consumer: QueueConsumer;

beforeEach(() => {
  words = new Int32Array(new SharedArrayBuffer(4 * 64));
  producer = new QueueProducer(words, place);
  consumer = new QueueConsumer(words, place);
});

function shift(): number[] {
  const entry = createEntry();
  consumer.shift(entry);
  return [...entry.subarray(0, 4)];
}

describe('a queue', () => {
  test('is empty at first', () => {
    expect(consumer.available()).toBe(0);
  });

  test('gives entries back whole and in their order', () => {
    producer.push(1, 2, 3, 4);
    producer.push(-1, 0x7fffffff, -0x80000000, 0);
    expect(consumer.available()).toBe(2);
    expect(shift()).toEqual([1, 2, 3, 4]);
    expect(shift()).toEqual([-1, 0x7fffffff, -0x80000000, 0]);
    expect(consumer.available()).toBe(0);
  });

  test('goes round its entries again and again without leaving them', () => {
    for (let round = 0; round < 5 * CAPACITY; round += CAPACITY) {
      for (let index = 0; index < CAPACITY; index++) producer.push(round + index, 0, 0, 0);
      expect(consumer.available()).toBe(CAPACITY);
      for (let index = 0; index < CAPACITY; index++) expect(shift()[0]).toBe(round + index);
    }
    const end = FIRST_ENTRY + CAPACITY * WORDS_PER_ENTRY;
    expect([...words.subarray(COUNTER + 1, FIRST_ENTRY), ...words.subarray(end)]).toEqual(
      new Array(words.length - 1 - CAPACITY * WORDS_PER_ENTRY).fill(0),
    );
  });

  test('keeps its order while it is never empty and never the same number of entries full', () => {
    let pushed = 0;
    let shifted = 0;
    producer.push(pushed++, 0, 0, 0);
    for (let round = 0; round < 50; round++) {
      for (let more = round % CAPACITY; more > 0; more--) producer.push(pushed++, 0, 0, 0);
      expect(consumer.available()).toBe(pushed - shifted);
      while (shifted < pushed - 1) expect(shift()[0]).toBe(shifted++);
    }
  });

  test.each([0x7fffffff - 2, 0xffffffff - 2])(
    'goes on in order when its counter, at %i, is about to wrap around',
    (count) => {
      words[COUNTER] = count;
      producer = new QueueProducer(words, place, count);
      consumer = new QueueConsumer(words, place, count);
      for (let index = 0; index < 3 * CAPACITY; index += CAPACITY) {
        for (let entry = 0; entry < CAPACITY; entry++) producer.push(index + entry, 0, 0, 0);
        expect(consumer.available()).toBe(CAPACITY);
        for (let entry = 0; entry < CAPACITY; entry++) expect(shift()[0]).toBe(index + entry);
        expect(consumer.available()).toBe(0);
      }
    },
  );

  test('publishes an entry only once all of it is written', () => {
    const published: number[][] = [];
    const { store } = Atomics;
    const spy = vi.spyOn(Atomics, 'store').mockImplementation(((...[array, at, value]) => {
      if (at === COUNTER) published.push([...words.subarray(FIRST_ENTRY, FIRST_ENTRY + 4)]);
      return store(array as Int32Array, at, value as number);
    }) as typeof Atomics.store);
    producer.push(5, 6, 7, 8);
    spy.mockRestore();
    expect(published).toEqual([[5, 6, 7, 8]]);
    expect(consumer.available()).toBe(1);
  });

  test.each([
    ['more than there is room for', CAPACITY + 1, CAPACITY + 1],
    ['fewer than were taken', -1, -1],
    ['half of the number space', 0x80000000 | 0, -0x80000000],
  ])('tells what the producer claims, be it %s', (_, counter, available) => {
    words[COUNTER] = counter;
    expect(consumer.available()).toBe(available);
  });

  test('never reads outside of its entries, whatever the producer claims', () => {
    words.fill(-1);
    words.fill(7, FIRST_ENTRY, FIRST_ENTRY + CAPACITY * WORDS_PER_ENTRY);
    words[COUNTER] = 1000;
    for (let taken = 0; taken < 1000; taken++) expect(shift()).toEqual([7, 7, 7, 7]);
  });
});
