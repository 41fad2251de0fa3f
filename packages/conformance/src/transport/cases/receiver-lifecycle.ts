import type { Delivery, Receiver } from '@pageferry/core';
import { describe, expect, test } from 'vitest';
import { openFile } from '../harness/destinations.js';
import { expectFailure, expectReceived } from '../harness/expectations.js';
import { expectIntact, receiveChecked, receiveOne } from '../harness/here.js';
import { useStage } from '../harness/stage.js';
import type { Subject } from '../registration.js';

type Operation<T> = readonly [name: string, call: (target: T) => unknown];

const RECEIVER_OPERATIONS: readonly Operation<Receiver>[] = [
  ['receive', (receiver) => receiver.receive()],
  ['receive with a time limit', (receiver) => receiver.receive({ timeout: 60_000 })],
  ['tryReceive', (receiver) => receiver.tryReceive()],
  ['receiveMany', (receiver) => receiver.receiveMany(3)],
  ['spliceTo', (receiver) => receiver.spliceTo(0)],
  ['iterating', (receiver) => receiver[Symbol.asyncIterator]().next()],
];

const DELIVERY_OPERATIONS: readonly Operation<Delivery>[] = [
  ['bytes', (delivery) => delivery.bytes],
  ['copy', (delivery) => delivery.copy()],
];

/** Receivers and deliveries in every state of their lives. */
export function describeReceiverLifecycle(subject: Subject): void {
  describe('lifecycle of a receiver', () => {
    const stage = useStage(subject);

    describe('after close', () => {
      test.each(RECEIVER_OPERATIONS)('%s fails with CLOSED', async (_title, call) => {
        const { sender, receiver } = await stage.incoming();
        await sender.send(10);
        await receiver.close();
        await expectFailure(() => call(receiver), 'CLOSED');
      });

      test.each(DELIVERY_OPERATIONS)('%s of a delivery is refused', async (_title, call) => {
        const { sender, receiver } = await stage.incoming();
        await sender.send(10);
        const delivery = await receiveOne(receiver);
        await receiver.close();
        expect(delivery.released).toBe(true);
        await expectFailure(() => call(delivery), 'DELIVERY_RELEASED');
        expect(delivery).toMatchObject({ byteLength: 10, sequence: 0, offset: 0 });
      });

      test('it holds nothing, and releasing or closing again is harmless', async () => {
        const { sender, receiver } = await stage.incoming();
        await sender.send(10, 20);
        const delivery = await receiveOne(receiver);
        await Promise.all([receiver.close(), receiver.close()]);
        await receiver[Symbol.asyncDispose]();
        delivery.release();
        expect(receiver.closed).toBe(true);
        expect(receiver.stats()).toMatchObject({ deliveriesHeld: 0, bytesHeld: 0 });
        expect(receiver.stats()).toMatchObject({ messagesReceived: 1, bytesReceived: 10 });
      });

      test('every call that waits fails with CLOSED', async () => {
        const { receiver } = await stage.incoming();
        const waiting = [
          receiver.receive(),
          receiver.receive({ timeout: 60_000 }),
          receiver.receiveMany(2),
          receiver.spliceTo(0),
        ];
        const failures = waiting.map((call) => expectFailure(() => call, 'CLOSED'));
        await receiver.close();
        await Promise.all(failures);
      });

      test('the sender gets the memory of held deliveries back', async () => {
        const endpoint = stage.endpoint();
        const sender = await stage.remoteSender(endpoint);
        const receiver = await stage.receiver(endpoint);
        await sender.waitForReceivers(1);
        await sender.send(1000, 2000, 3000);
        await receiveOne(receiver);
        await receiver.close();
        await sender.flush();
        await stage.until(async () => (await sender.receivers()).length === 0);
        expect(await sender.stats()).toMatchObject({ bytesOut: 0, messagesSent: 3 });
      });
    });

    describe('while it is open', () => {
      test.each(DELIVERY_OPERATIONS)('%s of a released delivery fails', async (_title, call) => {
        const { sender, receiver } = await stage.incoming();
        await sender.send(10);
        const delivery = await receiveOne(receiver);
        expect(delivery.released).toBe(false);
        delivery.release();
        expect(delivery.released).toBe(true);
        await expectFailure(() => call(delivery), 'DELIVERY_RELEASED');
        expect(delivery).toMatchObject({ byteLength: 10, sequence: 0, offset: 0 });
      });

      test('what a released delivery tells stays true while others come in its place', async () => {
        const { sender, receiver } = await stage.incoming();
        const told = (of: Delivery) => [of.byteLength, of.sequence, of.offset, of.tag];
        const before: number[][] = [];
        const released: Delivery[] = [];
        for (let count = 0; count < 8; count++) {
          await sender.send(10);
          const delivery = await receiveOne(receiver);
          before.push(told(delivery));
          delivery.release();
          released.push(delivery);
          await sender.flush();
        }
        expect(released.map(({ sequence }) => sequence)).toEqual([...before.keys()]);
        // The next one moves on instead.
        await sender.send(10);
        const nowhere = openFile(stage, '/dev/null', 'w');
        expect(await receiver.spliceTo(nowhere)).toMatchObject({ byteLength: 10 });
        expect(released.map(told)).toEqual(before);
      });

      test('releasing a delivery twice gives it back once', async () => {
        const { sender, receiver } = await stage.incoming();
        await sender.send(10, 20);
        const first = await receiveOne(receiver);
        const second = await receiveOne(receiver);
        first.release();
        first.release();
        first[Symbol.dispose]();
        expect(receiver.stats()).toMatchObject({ deliveriesHeld: 1, bytesHeld: 20 });
        expectIntact(second);
        second.release();
        expect(receiver.stats()).toMatchObject({ deliveriesHeld: 0, bytesHeld: 0 });
        await sender.flush();
        expect(await sender.receivers()).toMatchObject([{ messagesBehind: 0, bytesBehind: 0 }]);
      });

      test('a delivery that leaves its scope is given back', async () => {
        const { sender, receiver } = await stage.incoming();
        await sender.send(5000);
        {
          using delivery = await receiveOne(receiver);
          expectIntact(delivery);
          expect(receiver.stats()).toMatchObject({ deliveriesHeld: 1, bytesHeld: 5000 });
        }
        expect(receiver.stats()).toMatchObject({ deliveriesHeld: 0, bytesHeld: 0 });
        await sender.flush();
        expect(await sender.stats()).toMatchObject({ bytesOut: 0 });
      });

      test('a copy outlives the delivery, the receiver and the sender', async () => {
        const { sender, receiver } = await stage.incoming();
        await sender.send(20_000);
        const delivery = await receiveOne(receiver);
        const copy = delivery.copy();
        expect(copy.equals(delivery.bytes)).toBe(true);
        const before = Buffer.from(copy);
        delivery.release();
        const more = sender.sendMany(5, 100_000);
        expectReceived(await receiveChecked(receiver, 5), { messages: 5, first: 1 });
        await more;
        await receiver.close();
        await sender.destroy();
        expect(copy.equals(before)).toBe(true);
      });

      test('deliveries may be released in any order', async () => {
        const { sender, receiver } = await stage.incoming();
        await sender.send(100, 200, 300, 400);
        const deliveries: Delivery[] = [];
        while (deliveries.length < 4) deliveries.push(...(await receiver.receiveMany(4)));
        for (const index of [2, 0, 3]) deliveries[index]?.release();
        expectIntact(deliveries[1] as Delivery);
        expect(receiver.stats()).toMatchObject({ deliveriesHeld: 1, bytesHeld: 200 });
        deliveries[1]?.release();
        await sender.flush();
        expect(await sender.stats()).toMatchObject({ bytesOut: 0 });
      });
    });
  });
}
