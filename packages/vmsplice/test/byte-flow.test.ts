import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import {
  establish,
  openConnection,
  PLAIN_RECEIVER,
  PLAIN_SENDER,
  type ReceiverConnection,
  type SenderConnection,
} from '@pageferry/connection';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { type ConnectionPair, expectNothingLeft, openConnectionPair } from '@pageferry/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ConsumedBytes } from '../dist/flow/consumed-bytes.js';
import { ProducedBytes } from '../dist/flow/produced-bytes.js';
import { PARKED_WORDS, RECEIVER_WORDS, SENDER_WORDS, WAITS_FOR_ROOM } from '../dist/layout.js';

const calls = loadLinuxCalls();
const HALF = 0x7fffffff;

describe('the flow of bytes through the pipe', () => {
  expectNothingLeft();

  let pair: ConnectionPair<SenderConnection, ReceiverConnection>;
  let sender: SenderConnection;
  let receiver: ReceiverConnection;
  let produced: ProducedBytes;
  let consumed: ConsumedBytes;

  beforeEach(() => {
    pair = openConnectionPair(calls, {
      establish: (...where) => establish(...where, PLAIN_SENDER),
      openConnection: (...where) => openConnection(...where, PLAIN_RECEIVER),
    });
    ({ sender, receiver } = pair);
    produced = new ProducedBytes(sender);
    consumed = new ConsumedBytes(receiver);
  });
  afterEach(() => pair[Symbol.dispose]());

  /** How often the sender's bell was rung since the last look. */
  function senderRings(): number {
    const count = new BigUint64Array(1);
    const { fd } = sender.waitable.bell.fd;
    return calls.read(fd, new Uint8Array(count.buffer), 0, 8) === 8 ? Number(count[0]) : 0;
  }

  test('counts bytes beyond the end of a 32-bit counter', () => {
    for (let round = 0; round < 5; round++) {
      produced.add(HALF);
      expect(consumed.available).toBe(HALF);
      expect(produced.inFlight).toBe(HALF);
      consumed.add(HALF - 1);
      expect(produced.inFlight).toBe(1);
      consumed.add(1);
      expect(consumed.available).toBe(0);
    }
  });

  test('rings a sender that waits for room only when there is as much as it asked for', () => {
    produced.add(1000);
    produced.wakeAt(700);
    sender.park(WAITS_FOR_ROOM);
    consumed.add(299);
    receiver.giveBack(0, 0);
    expect(senderRings()).toBe(0);
    consumed.add(1);
    consumed.add(1);
    expect(senderRings()).toBe(1);
  });

  test('knows how much room was asked for when the counter wraps around in between', () => {
    produced.add(HALF);
    consumed.add(HALF);
    produced.add(1000);
    produced.wakeAt(700);
    sender.park(WAITS_FOR_ROOM);
    consumed.add(299);
    expect(senderRings()).toBe(0);
    consumed.add(1);
    expect(senderRings()).toBe(1);
  });

  test('asks for nothing that will never come while the receiver takes bytes out', async () => {
    const size = 2 ** 20;
    const words = new Int32Array(new SharedArrayBuffer(4096));
    const flow = new ProducedBytes({ words } as unknown as SenderConnection);
    flow.add(size);
    // Another thread takes three quarters out, over and over, as fast as it can.
    const taking = new Worker(
      `const { workerData: [words, place, most] } = require('node:worker_threads');
      for (let round = 0; words[0] === 0; round++) Atomics.store(words, place, (round % 2) * most);`,
      { eval: true, workerData: [words, RECEIVER_WORDS.bytesConsumed, 0.75 * size] },
    );
    const seen = new Set<number>();
    while (seen.size < 2) seen.add(flow.inFlight);
    let asked = 0;
    for (let round = 0; round < 200_000; round++) {
      flow.wakeAt(size / 2);
      asked = Math.max(asked, words[PARKED_WORDS.senderWakeAt] as number);
    }
    Atomics.store(words, 0, 1);
    await once(taking, 'exit');
    expect(asked).toBe(size / 2);
  });

  test('is what the peer claims, for the transport to judge', () => {
    Atomics.store(sender.words, RECEIVER_WORDS.bytesConsumed, 5);
    expect(produced.inFlight).toBe(-5);
    Atomics.store(sender.words, SENDER_WORDS.bytesProduced, -1);
    expect(consumed.available).toBe(-1);
  });
});
