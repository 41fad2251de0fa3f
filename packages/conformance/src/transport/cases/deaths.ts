import { statSync } from 'node:fs';
import { isPageferryError, type Receiver } from '@pageferry/core';
import { describe, expect, test } from 'vitest';
import { openFifo, openFile, openNullDevice } from '../harness/destinations.js';
import { expectFailure, expectReceived } from '../harness/expectations.js';
import {
  expectIntact,
  filledLoan,
  receiveChecked,
  receiveOne,
  sendPatterned,
} from '../harness/here.js';
import { observe } from '../harness/settling.js';
import { useStage } from '../harness/stage.js';
import { findMismatch } from '../peers/pattern.js';
import type { Subject } from '../registration.js';

const MIB = 1024 * 1024;

/** A process is killed, at every point where it hurts. */
export function describeDeaths(subject: Subject): void {
  describe.runIf(subject.processes)('death of the sender', () => {
    const stage = useStage(subject);

    async function expectDead(receiver: Receiver): Promise<void> {
      const path = stage.path('nothing');
      const fd = openFile(stage, path, 'w');
      for (let time = 0; time < 2; time++) {
        await expectFailure(() => receiver.receive(), 'PEER_DIED');
        await expectFailure(() => receiver.receive({ timeout: 60_000 }), 'PEER_DIED');
        await expectFailure(() => receiver.tryReceive(), 'PEER_DIED');
        await expectFailure(() => receiver.receiveMany(3), 'PEER_DIED');
        await expectFailure(() => receiver.spliceTo(fd), 'PEER_DIED');
      }
      // What can never be whole goes nowhere once that is known.
      expect(statSync(path).size).toBe(0);
    }

    test('what had arrived whole is delivered, then PEER_DIED each time', async () => {
      const { sender, receiver } = await stage.incoming();
      await sender.send(1, 4096, 0, 50_000, 7);
      await sender.peer.end();
      expectReceived(await receiveChecked(receiver, 5), { messages: 5, bytes: 54_104 });
      await expectDead(receiver);
    });

    test('is told with the endpoint, and with what to do', async () => {
      const endpoint = stage.endpoint();
      const sender = await stage.remoteSender(endpoint);
      const receiver = await stage.receiver(endpoint);
      await sender.peer.end();
      const error = await expectFailure(() => receiver.receive(), 'PEER_DIED');
      expect(error.message).toContain(endpoint);
      expect(error.message).toMatch(/: connect anew$/);
    });

    test('calls that wait fail with PEER_DIED', async () => {
      const { sender, receiver } = await stage.incoming();
      const fd = openNullDevice(stage);
      const waiting = [receiver.receive(), receiver.receiveMany(2), receiver.spliceTo(fd)];
      const failures = waiting.map((call) => expectFailure(() => call, 'PEER_DIED'));
      await sender.peer.end();
      await Promise.all(failures);
      await expectDead(receiver);
    });

    test('a delivery that is held stays intact', async () => {
      const { sender, receiver } = await stage.incoming();
      const sent = sender.send(300_000);
      const delivery = await receiveOne(receiver);
      await sent;
      await sender.peer.end();
      await expectDead(receiver);
      expectIntact(delivery);
      delivery.release();
    });

    test('in the middle of a message, the messages before it are delivered', async () => {
      const { sender, receiver } = await stage.incoming();
      await sender.send(100, 200);
      const under = observe(sender.send(48 * MIB));
      await receiver.receiveMany(1).then(([first]) => first?.release());
      await sender.receivers();
      await sender.peer.end();
      const sequences: number[] = [];
      const error = await (async () => {
        for (;;) {
          using delivery = await receiveOne(receiver);
          expectIntact(delivery);
          sequences.push(delivery.sequence);
        }
      })().catch((reason: unknown) => reason);
      expect(isPageferryError(error, 'PEER_DIED'), String(error)).toBe(true);
      // The large one comes too where its memory outlives the process.
      expect([[1], [1, 2]]).toContainEqual(sequences);
      expect(under.state()).not.toBe('pending');
      await expectDead(receiver);
    });

    test('while a receive gathers a large message', async () => {
      const { sender, receiver } = await stage.incoming();
      const receiving = observe(receiver.receive());
      const sending = sender.sendMany(1, 200 * MIB, true);
      await sender.receivers();
      await sender.peer.end();
      await sending.catch(() => {});
      const outcome = await receiving.promise.catch((error: unknown) => error);
      if (!isPageferryError(outcome, 'PEER_DIED')) {
        expect(outcome).toMatchObject({ sequence: 0, byteLength: 200 * MIB });
      }
      await expectDead(receiver);
    });

    test('in the middle of a spliceTo, what had come went on', async () => {
      const { sender, receiver } = await stage.incoming();
      const fifo = openFifo(stage);
      const moving = receiver.spliceTo(fifo.fd).catch((error: unknown) => error);
      void sender.send(48 * MIB).catch(() => {});
      const farEnd = fifo.farEnd();
      const start = await farEnd.read(100_000);
      await sender.peer.end();
      const rest = farEnd.read();
      const result = await moving;
      fifo.closeNearEnd();
      const all = Buffer.concat([start, await rest]);
      expect(findMismatch(all, 0)).toBe(-1);
      if (isPageferryError(result, 'PEER_DIED')) expect(all.length).toBeLessThan(48 * MIB);
      else expect(result).toMatchObject({ byteLength: 48 * MIB });
      await expectDead(receiver);
    });
  });

  describe.runIf(subject.processes)('death of a receiver', () => {
    const stage = useStage(subject);

    test('its memory comes back, and the sender knows that nobody is there', async () => {
      const { sender, receiver } = await stage.outgoing();
      for (let sequence = 0; sequence < 4; sequence++)
        await sendPatterned(sender, 10_000, sequence);
      await receiver.hold(2);
      const flush = sender.flush();
      await receiver.peer.end();
      await flush;
      expect(sender.receivers).toEqual([]);
      expect(sender.stats()).toMatchObject({ messagesSent: 4, bytesOut: 0 });
      const loan = await filledLoan(sender, 10, 4);
      expect(await loan.send()).toBe('no-receiver');
      expect(loan.owned).toBe(true);
    });

    test('a send of a large message that nobody reads any more comes to an end', async () => {
      const { sender, receiver } = await stage.outgoing();
      const loan = await filledLoan(sender, 64 * MIB, 0);
      const sending = loan.send();
      await stage.until(() => sender.stats().messagesSent === 1);
      await receiver.peer.end();
      expect(await sending).toBe('sent');
      await sender.flush();
      expect(sender.receivers).toEqual([]);
      expect(sender.stats()).toMatchObject({ bytesOut: 0, loansHeld: 0 });
    });

    test('a loan that waits for its memory goes on', async () => {
      const { sender, receiver } = await stage.outgoing({
        sender: { poolBytes: MIB },
        receiver: { maxBorrowedBytes: 64 * 1024 },
      });
      const sending = (await filledLoan(sender, MIB, 0)).send();
      const waiting = sender.loan(MIB);
      await receiver.peer.end();
      expect(await sending).toBe('sent');
      expect((await waiting).owned).toBe(true);
    });

    test('in the middle of a spliceTo, the sender is not disturbed', async () => {
      const { sender, receiver } = await stage.outgoing();
      const fifo = openFifo(stage);
      const path = `/proc/${process.pid}/fd/${fifo.fd}`;
      void receiver.spliceTo({ path, flags: 1 }, 1).catch(() => {});
      const sending = (await filledLoan(sender, 48 * MIB, 0)).send();
      await fifo.farEnd().read(100_000);
      await receiver.peer.end();
      expect(await sending).toBe('sent');
      await sender.flush();
      expect(sender.receivers).toEqual([]);
      expect(sender.stats().bytesOut).toBe(0);
    });

    test('a new receiver can join, again and again', async () => {
      const sender = await stage.sender({ maxReceivers: 1 });
      for (let round = 0; round < 3; round++) {
        const receiver = await stage.remoteReceiver(sender.endpoint);
        await sender.waitForReceivers();
        await sendPatterned(sender, 5000, 2 * round);
        await sendPatterned(sender, 5000, 2 * round + 1);
        expectReceived(await receiver.receive(1), { messages: 1, first: 2 * round });
        await receiver.peer.end();
        await sender.flush();
        expect(sender.receivers).toEqual([]);
      }
      expect(sender.stats().messagesSent).toBe(6);
    });

    test('flush and waitForReceivers in good faith go on with the next receiver', async () => {
      const { sender, receiver } = await stage.outgoing();
      await sendPatterned(sender, 100, 0);
      await receiver.peer.end();
      await sender.flush();
      const waiting = sender.waitForReceivers(1);
      const next = await stage.remoteReceiver(sender.endpoint);
      await waiting;
      await sendPatterned(sender, 100, 1);
      expectReceived(await next.receive(1), { messages: 1, first: 1 });
    });
  });
}
