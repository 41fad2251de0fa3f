import type { Histogram } from '@pageferry/core';
import { describe, expect, test } from 'vitest';
import { openFifo } from '../harness/destinations.js';
import { expectFailure, expectReceived } from '../harness/expectations.js';
import { receiveOne, sendPatterned } from '../harness/here.js';
import { observe, turns } from '../harness/settling.js';
import { useStage } from '../harness/stage.js';
import { expectRefused, NO_FLAGS } from '../harness/unusable.js';
import type { Subject } from '../registration.js';

const KIB = 1024;
const HISTOGRAMS = { histograms: true };
/** Of each order of magnitude one, at both of its ends where it has two. */
const LENGTHS = [0, 1, 2, 3, 4, 7, 8, 1023, 1024];
/** The buckets that these come into: one for 0, and one for each number of bits. */
const COUNTS = [1, 1, 2, 2, 1, 0, 0, 0, 0, 0, 1, 1];

/** What a sender and a receiver count: one shape for every transport. */
export function describeStats(subject: Subject): void {
  describe('stats', () => {
    const stage = useStage(subject);
    /** Whether what is received lies in memory that both processes map. */
    const sharesMemory = subject.processes && stage.capabilities.zeroCopyReceive;

    test('have the same counters in every transport, and no histograms unless they are asked for', async () => {
      const { sender, receiver } = await stage.outgoing();
      expect(sender.stats()).toMatchObject({
        messagesSent: 0,
        bytesSent: 0,
        loansHeld: 0,
        bytesOut: 0,
        sharedBytes: expect.any(Number),
        method: expect.any(String),
        connectionsFailed: 0,
      });
      expect(await receiver.stats()).toMatchObject({
        messagesReceived: 0,
        bytesReceived: 0,
        deliveriesHeld: 0,
        bytesHeld: 0,
        sharedBytes: expect.any(Number),
      });
      await sendPatterned(sender, 5, 0);
      expectReceived(await receiver.receive(1), { messages: 1, bytes: 5 });
      expect(sender.stats()).not.toHaveProperty('histograms');
      expect(await receiver.stats()).not.toHaveProperty('histograms');
    });

    test('tell memory that both processes map from what is of one alone', async () => {
      const { sender, receiver } = await stage.outgoing();
      await sendPatterned(sender, 100 * KIB, 0);
      await receiver.hold(1);
      const { sharedBytes, bytesOut } = sender.stats();
      const there = await receiver.stats();
      expect(there.bytesHeld).toBe(100 * KIB);
      if (sharesMemory) {
        expect(sharedBytes).toBeGreaterThanOrEqual(bytesOut);
        expect(there.sharedBytes).toBeGreaterThanOrEqual(there.bytesHeld);
      } else {
        expect([sharedBytes, there.sharedBytes]).toEqual([0, 0]);
      }
      await receiver.close();
      await sender.close();
      expect(sender.stats().sharedBytes).toBe(0);
    });

    test('have histograms of the lengths of messages, with and without an end', async () => {
      const { sender, receiver } = await stage.outgoing({
        sender: HISTOGRAMS,
        receiver: HISTOGRAMS,
      });
      for (const [sequence, length] of LENGTHS.entries()) {
        await sendPatterned(sender, length, sequence);
      }
      expectReceived(await receiver.receive(LENGTHS.length), { messages: LENGTHS.length });
      const sum = LENGTHS.reduce((all, length) => all + length, 0);
      const expected = { count: LENGTHS.length, sum, max: 1024 };
      const sent = sender.stats().histograms?.sentBytes;
      const received = (await receiver.stats()).histograms?.receivedBytes;
      for (const histogram of [sent, received]) {
        expect(histogram).toMatchObject(expected);
        expectCounts(histogram, COUNTS);
      }
      // They stay, as the counters do.
      await sender.close();
      expect(sender.stats().histograms?.sentBytes).toEqual(sent);
    });

    test('have a histogram of how long deliveries were held, of those that were released', async () => {
      const sender = await stage.sender();
      const receiver = await stage.receiver(sender.endpoint, HISTOGRAMS);
      await sender.waitForReceivers();
      const held = () => receiver.stats().histograms?.heldMicroseconds.count;
      const sending = Promise.all([0, 1, 2, 3].map((number) => sendPatterned(sender, 10, number)));
      const [one, two, three] = [
        await receiveOne(receiver),
        await receiveOne(receiver),
        await receiveOne(receiver),
      ];
      expect(held()).toBe(0);
      two.retain();
      two.release();
      one.release();
      expect(held()).toBe(1);
      receiver.releaseMany([two, three]);
      expect(held()).toBe(3);
      one.release();
      // What is moved on is received, and held by nobody.
      const fifo = openFifo(stage);
      await receiver.spliceTo(fifo.fd);
      await sending;
      expect(held()).toBe(3);
      expect(receiver.stats().histograms?.receivedBytes).toMatchObject({ count: 4, sum: 40 });
      expectConsistent(receiver.stats().histograms?.heldMicroseconds);
    });

    test('have a histogram of how long calls waited for room, of those that had to', async () => {
      const sender = await stage.sender({ ...HISTOGRAMS, poolBytes: 64 * KIB });
      const waited = () => sender.stats().histograms?.waitedMicroseconds;
      const loan = await sender.loan(64 * KIB);
      expect(waited()).toMatchObject({ count: 0, sum: 0, max: 0 });
      const waiting = observe(sender.loan(64 * KIB));
      await turns();
      expect(waiting.state()).toBe('pending');
      loan.release();
      (await waiting.promise).release();
      expect(waited()?.count).toBe(1);
      using held = await sender.loan(64 * KIB);
      const giveUp = new AbortController();
      const inVain = observe(sender.loan(64 * KIB, { signal: giveUp.signal }));
      await turns();
      giveUp.abort();
      await expectFailure(() => inVain.promise, 'ABORTED');
      expect([waited()?.count, held.owned]).toEqual([2, true]);
      expect(waited()?.max).toBeGreaterThan(0);
      expectConsistent(waited());
    });

    test('are plain data', async () => {
      const { sender, receiver } = await stage.outgoing({
        sender: HISTOGRAMS,
        receiver: HISTOGRAMS,
      });
      await sendPatterned(sender, 5, 0);
      expectReceived(await receiver.receive(1), { messages: 1 });
      for (const stats of [sender.stats(), await receiver.stats()]) {
        expect(JSON.parse(JSON.stringify(stats))).toEqual(stats);
        expect(structuredClone(stats)).toEqual(stats);
      }
    });

    test('are asked for with true or false, and nothing else', async () => {
      const { transport } = subject;
      const endpoint = stage.endpoint();
      const refused = (create: 'createSender' | 'createReceiver') =>
        expectRefused(
          NO_FLAGS,
          (value) => transport[create]({ endpoint, histograms: value }),
          'histograms',
        );
      await refused('createSender');
      await refused('createReceiver');
    });
  });
}

/** Expects so many values in the first buckets, and none in all others. */
export function expectCounts(histogram: Histogram | undefined, counts: readonly number[]): void {
  expectConsistent(histogram);
  const rest = new Array((histogram?.counts.length ?? 0) - counts.length).fill(0);
  expect(histogram?.counts).toEqual([...counts, ...rest]);
}

/** Expects what holds of every histogram. */
export function expectConsistent(histogram: Histogram | undefined): void {
  const { bounds = [], counts = [], count, sum = 0, max = 0 } = histogram ?? {};
  expect(bounds).toEqual(Array.from({ length: 33 }, (_, bits) => 2 ** bits - 1));
  expect(counts).toHaveLength(33);
  expect(counts.reduce((all, each) => all + each, 0)).toBe(count);
  const highest = counts.findLastIndex((each) => each > 0);
  expect(max).toBeLessThanOrEqual(bounds[highest] ?? 0);
  expect(max).toBeGreaterThan((bounds[highest - 1] ?? -1) - Number(highest < 0));
  expect(sum).toBeGreaterThanOrEqual(max);
}
