import { closeSync, openSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { expectFailure, expectReceived } from '../harness/expectations.js';
import { filledLoan, receiveChecked, receiveOne } from '../harness/here.js';
import { useStage } from '../harness/stage.js';
import { turnsDuring } from '../harness/turns-during.js';
import type { Subject } from '../registration.js';

const MIB = 1024 * 1024;
const MANY = 30_000;
/** Where each takes a trip to another thread in some transports. */
const FEWER = 5_000;

/** A loop over messages that are always ready leaves the rest of the program its turns. */
export function describeEventLoop(subject: Subject): void {
  describe('event loop', () => {
    const stage = useStage(subject);
    const { zeroCopyReceive } = subject.transport.capabilities;

    test('a tight loop of sends lets timers and immediates run', async () => {
      const { sender, receiver } = await stage.outgoing();
      const received = receiver.receive(MANY);
      const { immediates, timers } = await turnsDuring(stage, async () => {
        for (let sequence = 0; sequence < MANY; sequence++) {
          await (await filledLoan(sender, 8, sequence)).send();
        }
      });
      expectReceived(await received, { messages: MANY });
      expect(immediates).toBeGreaterThan(1);
      expect(timers).toBeGreaterThan(0);
    });

    test('a tight loop of receives lets timers and immediates run', async () => {
      const { sender, receiver } = await stage.incoming();
      const sent = sender.sendMany(MANY, 8);
      const { immediates, timers } = await turnsDuring(stage, async () => {
        for (let sequence = 0; sequence < MANY; sequence++) {
          using delivery = await receiveOne(receiver);
          if (delivery.sequence !== sequence) throw new Error(`${sequence} is missing`);
        }
      });
      await sent;
      expect(immediates).toBeGreaterThan(1);
      expect(timers).toBeGreaterThan(0);
    });

    test('a tight loop of spliceTo lets timers and immediates run', async () => {
      const { sender, receiver } = await stage.incoming();
      const fd = openSync('/dev/null', 'w');
      stage.defer(() => closeSync(fd));
      const destination = { fd };
      const sent = sender.sendMany(FEWER, 8);
      const { immediates, timers } = await turnsDuring(stage, async () => {
        for (let sequence = 0; sequence < FEWER; sequence++) await receiver.spliceTo(destination);
      });
      await sent;
      expect(receiver.stats().messagesReceived).toBe(FEWER);
      expect(immediates).toBeGreaterThan(1);
      expect(timers).toBeGreaterThan(0);
    });

    test.skipIf(zeroCopyReceive)('a large message lets immediates run on either side', async () => {
      const byteLength = 128 * MIB;
      const outgoing = await stage.outgoing();
      const loan = await filledLoan(outgoing.sender, byteLength, 0);
      const received = outgoing.receiver.receive(1);
      const sending = await turnsDuring(stage, async () => void (await loan.send()));
      expectReceived(await received, { messages: 1 });
      expect(sending.immediates).toBeGreaterThan(1);
      const incoming = await stage.incoming();
      const sent = incoming.sender.sendMany(1, byteLength, true);
      const receiving = await turnsDuring(stage, async () => {
        (await receiveOne(incoming.receiver)).release();
      });
      await sent;
      expect(receiving.immediates).toBeGreaterThan(1);
    });

    test('without any polling, messages still arrive', async () => {
      const still = { spinMicroseconds: 0 };
      const { sender, receiver } = await stage.outgoing({ sender: still, receiver: still });
      const received = receiver.receive(500);
      for (let sequence = 0; sequence < 500; sequence++) {
        expect(await (await filledLoan(sender, 5000, sequence)).send()).toBe('sent');
      }
      expectReceived(await received, { messages: 500 });
      await sender.flush();
    });

    // The peer's clock does not come back.
    test.runIf(subject.processes)(
      'calls that wait go on while the clock of a test stands still (11.9)',
      async () => {
        const peer = await stage.peer(true);
        await peer.call('stopClock');
        await expectFailure(
          () => stage.remoteReceiver(stage.endpoint(), { timeout: 20 }, peer),
          'TIMEOUT',
        );
        const path = stage.endpoint();
        const early = stage.remoteReceiver(path, {}, peer);
        const sender = await stage.sender({}, path);
        const receiver = await early;
        // The receiver may know of the sender before the sender knows of it.
        await sender.waitForReceivers(1);
        const received = receiver.receive(FEWER);
        for (let sequence = 0; sequence < FEWER; sequence++) {
          expect(await (await filledLoan(sender, 5000, sequence)).send()).toBe('sent');
        }
        expectReceived(await received, { messages: FEWER });
        await receiver.close();
        const endpoint = stage.endpoint();
        const back = await stage.remoteSender(endpoint, {}, peer);
        const here = await stage.receiver(endpoint);
        await back.waitForReceivers(1);
        const sent = back.sendMany(FEWER, 5000);
        expectReceived(await receiveChecked(here, FEWER), { messages: FEWER });
        await sent;
        await back.flush();
        await back.close();
      },
    );

    test('a side that waits is woken each time, with polling and without', async () => {
      for (const spinMicroseconds of [0, 50, 2000]) {
        const options = { spinMicroseconds };
        const there = await stage.outgoing({ sender: options, receiver: options });
        const back = await stage.incoming({ sender: options, receiver: options });
        for (let round = 0; round < 200; round++) {
          const received = there.receiver.receive(1);
          await (await filledLoan(there.sender, 100, round)).send();
          expectReceived(await received, { messages: 1, first: round });
          const sent = back.sender.send(100);
          using delivery = await receiveOne(back.receiver);
          expect(delivery.sequence).toBe(round);
          await sent;
        }
      }
    });
  });
}
