import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { createEntry, type QueuePlace } from '@pageferry/connection';
import { beforeEach, describe, expect, test } from 'vitest';
import { ClaimableConsumer, ClaimableProducer } from '../dist/queue/claimable-queue.js';

const CAPACITY = 4;
const place: QueuePlace = { counter: 0, entries: 32, capacity: CAPACITY, stride: 8 };

let words: Int32Array;
let producer: ClaimableProducer;
let consumer: ClaimableConsumer;

beforeEach(() => {
  words = new Int32Array(new SharedArrayBuffer(4 * 128));
  producer = new ClaimableProducer(words, place);
  consumer = new ClaimableConsumer(words, place);
});

/** The first word of the next entry that was not dropped. */
function claim(): number | undefined {
  const entry = createEntry(6);
  return consumer.claim(entry, consumer.available()) ? entry[0] : undefined;
}

describe('a queue whose entries can be taken back', () => {
  test('gives an entry to the consumer or back to the producer, never to both', () => {
    for (let number = 0; number < 3; number++) producer.push(number, 0, 0, 0);
    expect(producer.drop(1)).toBe(true);
    expect(producer.drop(1)).toBe(false);
    expect(claim()).toBe(0);
    expect(producer.drop(0)).toBe(false);
    expect([claim(), claim()]).toEqual([2, undefined]);
  });

  test('tells which entries wait', () => {
    for (let number = 0; number < 3; number++) producer.push(number, 0, 0, 0);
    producer.drop(1);
    claim();
    expect([0, 1, 2].map((number) => producer.waits(number))).toEqual([false, false, true]);
  });

  test('leads a consumer that was overtaken by whole rounds to what is there', () => {
    for (let number = 0; number < 5 * CAPACITY + 1; number++) {
      if (number >= CAPACITY) producer.drop(number - CAPACITY);
      producer.push(number, 0, 0, 0);
    }
    expect([claim(), claim(), claim(), claim(), claim()]).toEqual([17, 18, 19, 20, undefined]);
  });

  test.each([2 ** 31 - 1, 2 ** 31, 2 ** 32 - 3])(
    'leads a consumer that stood still for %i entries to what is there',
    (count) => {
      producer = new ClaimableProducer(words, place, count);
      producer.push(1, 2, 3, 4, 5);
      producer.push(6, 7, 8, 9, 10);
      const entry = createEntry(6);
      expect(consumer.claim(entry, consumer.available() >>> 0)).toBe(true);
      expect(entry.filter((_, word) => word !== 4)).toEqual(Int32Array.of(1, 2, 3, 4, 5));
      expect(consumer.claim(entry, consumer.available() >>> 0)).toBe(true);
      expect(entry.filter((_, word) => word !== 4)).toEqual(Int32Array.of(6, 7, 8, 9, 10));
      expect(consumer.available()).toBe(0);
    },
  );

  test.each([0x7ffffffe, 0xfffffffe])('goes on in order beyond entry %i', (count) => {
    words[place.counter] = count;
    producer = new ClaimableProducer(words, place, count);
    consumer = new ClaimableConsumer(words, place, count);
    for (let index = 0; index < 3 * CAPACITY; index++) {
      producer.push(index, 0, 0, 0);
      const isDropped = index % 3 === 0;
      if (isDropped) expect(producer.drop(count + index)).toBe(true);
      expect(claim()).toBe(isDropped ? undefined : index);
    }
  });
});

/** At least so many entries go through, and to each side in turn at least so many times. */
const ENTRIES = 500_000;
const TURNS = 1000;
const MOST = 100 * ENTRIES;

/** What became of each entry, by its number. */
const WAITING = 0;
const DROPPED = 2;

describe('two threads that race for the entries of a queue', () => {
  test('share them out: each goes to one side, whole, once, and in order', async () => {
    const fates = new Uint8Array(new SharedArrayBuffer(MOST));
    const end = new Int32Array(new SharedArrayBuffer(4)).fill(-1);
    const taker = new Worker(new URL('./peers/taker.mjs', import.meta.url), {
      workerData: { words, place, fates, end },
    });
    await once(taker, 'message');
    const { entries, dropped, stolen } = race(fates);
    Atomics.store(end, 0, entries);
    const [outcome] = (await once(taker, 'message')) as [{ taken: number; wrong: number }];
    await taker.terminate();
    expect(stolen).toBe(0);
    expect(outcome).toEqual({ taken: entries - dropped, wrong: 0 });
    expect(fates.subarray(0, entries).indexOf(WAITING)).toBe(-1);
  }, 30_000);

  /** Pushes entries, and drops the oldest, or another, where there is no room. */
  function race(fates: Uint8Array): { entries: number; dropped: number; stolen: number } {
    let [dropped, stolen, turns, mine] = [0, 0, 0, false];
    const drop = (number: number): void => {
      const before = mine;
      mine = producer.drop(number);
      if (mine !== before) turns++;
      if (!mine) return;
      if (fates[number] !== WAITING) stolen++;
      fates[number] = DROPPED;
      dropped++;
    };
    let entries = 0;
    for (; entries < ENTRIES || (turns < TURNS && entries < MOST); entries++) {
      if (entries >= CAPACITY && producer.waits(entries - CAPACITY)) drop(entries - CAPACITY);
      else mine = false;
      producer.push(entries, entries ^ 0x5555, -entries, 7);
      if (entries % 64 === 0) drop(entries - (entries % CAPACITY));
    }
    return { entries, dropped, stolen };
  }
});
