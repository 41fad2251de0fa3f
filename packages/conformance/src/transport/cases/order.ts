import { closeSync, openSync } from 'node:fs';
import type { Delivery, Receiver } from '@pageferry/core';
import { describe, expect, test } from 'vitest';
import { expectReceived } from '../harness/expectations.js';
import { expectIntact, filledLoan, receiveChecked, receiveOne } from '../harness/here.js';
import { type Stage, useStage } from '../harness/stage.js';
import type { Subject } from '../registration.js';

const MIB = 1024 * 1024;
const MANY = 20_000;

/** Messages keep their order and their numbers, however they are sent and received. */
export function describeOrder(subject: Subject): void {
  describe('order', () => {
    const stage = useStage(subject);
    const { zeroCopyReceive, zeroCopySplice } = subject.transport.capabilities;

    test('20 000 small messages arrive at the peer in order', async () => {
      const { sender, receiver } = await stage.outgoing();
      const received = receiver.receive(MANY);
      for (let sequence = 0; sequence < MANY; sequence++) {
        await (await filledLoan(sender, sequence % 300, sequence)).send();
      }
      expectReceived(await received, { messages: MANY });
      expect(sender.stats().messagesSent).toBe(MANY);
    });

    test('20 000 small messages from the peer arrive in order', async () => {
      const { sender, receiver } = await stage.incoming();
      const sent = sender.sendMany(MANY, 100);
      expectReceived(await receiveChecked(receiver, MANY), { messages: MANY, bytes: MANY * 100 });
      expect((await sent).outcomes.sent).toBe(MANY);
      expect(receiver.stats()).toMatchObject({ messagesReceived: MANY, deliveriesHeld: 0 });
    });

    test('loans that are sent without waiting leave in the order of the calls', async () => {
      const { sender, receiver } = await stage.outgoing();
      const received = receiver.receive(100);
      const outcomes: Promise<string>[] = [];
      for (let sequence = 0; sequence < 100; sequence++) {
        const byteLength = sequence % 7 === 0 ? 300_000 : sequence;
        const options = sequence % 3 === 0 ? { timeout: 60_000 } : undefined;
        outcomes.push((await filledLoan(sender, byteLength, sequence)).send(options));
      }
      expect(new Set(await Promise.all(outcomes))).toEqual(new Set(['sent']));
      expectReceived(await received, { messages: 100 });
    });

    test('a small send does not overtake a large one that was made before it', async () => {
      const sender = await stage.sender();
      const receiver = await stage.receiver(sender.endpoint);
      await sender.waitForReceivers();
      const lengths = [6 * MIB, 1, 5 * MIB, 0, 300_000, 2];
      const sent = Promise.all(lengths.map((length) => sender.send(new Uint8Array(length))));
      const received: number[] = [];
      while (received.length < lengths.length) {
        using delivery = await receiveOne(receiver);
        received.push(delivery.byteLength);
      }
      expect(received).toEqual(lengths);
      expect(new Set(await sent)).toEqual(new Set(['sent']));
    });

    test('calls that wait for a message are served in the order of the calls', async () => {
      const { sender, receiver } = await stage.incoming();
      const waiting = [
        receiver.receive(),
        receiver.receive({ timeout: 60_000 }),
        receiver.receiveMany(1),
        receiver.receive(),
      ];
      expect(receiver.tryReceive()?.sequence).toBeUndefined();
      await sender.send(10, 20, 30, 40);
      const deliveries = (await Promise.all(waiting)).flat();
      expect(deliveries.map((delivery) => delivery?.sequence)).toEqual([0, 1, 2, 3]);
      expect(deliveries.map((delivery) => delivery?.byteLength)).toEqual([10, 20, 30, 40]);
    });

    test('receiveMany takes what is here, up to the number asked for, and [] at the end', async () => {
      const { sender, receiver } = await stage.incoming();
      await sender.send(...new Array(10).fill(1000));
      const sequences: number[] = [];
      while (sequences.length < 10) {
        const most = sequences.length < 4 ? 2 : 100;
        const deliveries = await receiver.receiveMany(most);
        expect(deliveries.length).toBeGreaterThan(0);
        expect(deliveries.length).toBeLessThanOrEqual(most);
        for (const delivery of deliveries) {
          expectIntact(delivery);
          sequences.push(delivery.sequence);
          delivery.release();
        }
      }
      expect(sequences).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
      await sender.close();
      expect(await receiver.receiveMany(5)).toEqual([]);
    });

    test('tryReceive takes a message that is here, and nothing otherwise', async () => {
      const { sender, receiver } = await stage.incoming();
      expect(receiver.tryReceive()?.sequence).toBeUndefined();
      await sender.send(64, 64);
      const first = await receiveOne(receiver);
      let second: Delivery | undefined;
      await stage.until(() => {
        second = receiver.tryReceive();
        return second !== undefined;
      });
      expect([first.sequence, second?.sequence]).toEqual([0, 1]);
      expectIntact(second as unknown as Delivery);
      expect(receiver.tryReceive()?.sequence).toBeUndefined();
    });

    test('iterating over a receiver yields every message and stops at the end', async () => {
      const { sender, receiver } = await stage.incoming();
      const sent = sender.send(1, 2, 3, 4, 5).then(() => sender.close());
      const lengths: number[] = [];
      for await (const delivery of receiver) {
        expectIntact(delivery);
        lengths.push(delivery.byteLength);
        delivery.release();
      }
      expect(lengths).toEqual([1, 2, 3, 4, 5]);
      await sent;
    });

    test('a receiver that comes later sees later messages, with the numbers they have', async () => {
      const { sender, receiver } = await stage.outgoing();
      for (let sequence = 0; sequence < 5; sequence++) {
        await (await filledLoan(sender, 100, sequence)).send();
      }
      expectReceived(await receiver.receive(5), { messages: 5 });
      await receiver.close();
      await stage.until(() => sender.receivers.length === 0);
      const later = await stage.remoteReceiver(sender.endpoint);
      await sender.waitForReceivers();
      await (await filledLoan(sender, 100, 5)).send();
      expectReceived(await later.receive(1), { messages: 1, first: 5 });
    });

    test.runIf(zeroCopySplice || zeroCopyReceive)(
      'more than 4 GiB pass through one connection, and the next message is right',
      async () => {
        const { sender, receiver } = await stage.incoming();
        const count = 260;
        const byteLength = 16 * MIB;
        const sent = sender.sendMany(count, byteLength, true).then(() => sender.send(70_001));
        const next = zeroCopySplice ? toNullDevice(stage, receiver) : andRelease(receiver);
        let passed = 0;
        for (let message = 0; message < count; message++) passed += await next();
        expect(passed).toBe(count * byteLength);
        expect(passed).toBeGreaterThan(2 ** 32);
        expectReceived(await receiveChecked(receiver, 1), { messages: 1, first: count });
        await sent;
      },
    );
  });
}

/** Moves one message to `/dev/null` and returns its length. */
function toNullDevice(stage: Stage, receiver: Receiver): () => Promise<number> {
  const fd = openSync('/dev/null', 'w');
  stage.defer(() => closeSync(fd));
  return async () => (await receiver.spliceTo({ fd }))?.byteLength ?? 0;
}

/** Receives one message, gives it back unread, and returns its length. */
function andRelease(receiver: Receiver): () => Promise<number> {
  return async () => {
    using delivery = await receiveOne(receiver);
    return delivery.byteLength;
  };
}
