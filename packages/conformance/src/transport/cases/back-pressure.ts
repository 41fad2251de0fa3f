import type { Delivery } from '@pageferry/core';
import { describe, expect, test } from 'vitest';
import { expectFailure, expectReceived } from '../harness/expectations.js';
import { fillUp, fillWithSmall } from '../harness/filling.js';
import { expectIntact, receiveChecked, receiveOne, sendPatterned } from '../harness/here.js';
import { observe, turns } from '../harness/settling.js';
import { useStage } from '../harness/stage.js';
import { findMismatch } from '../peers/pattern.js';
import type { Subject } from '../registration.js';

const KIB = 1024;
const MIB = 1024 * KIB;

/** Whoever is slow holds the others up; nobody loses anything. */
export function describeBackPressure(subject: Subject): void {
  describe('back-pressure', () => {
    const stage = useStage(subject);

    test('loan waits while the pool is lent out, and goes on when memory comes back', async () => {
      const sender = await stage.sender({ poolBytes: MIB });
      const loans = await Promise.all([1, 2, 3, 4].map(() => sender.loan(256 * KIB)));
      expect(sender.stats().bytesOut).toBeLessThanOrEqual(MIB);
      expect(sender.tryLoan(256 * KIB)?.byteLength).toBeUndefined();
      const first = observe(sender.loan(256 * KIB));
      const second = observe(sender.loan(256 * KIB));
      await turns();
      expect([first.state(), second.state()]).toEqual(['pending', 'pending']);
      loans[0]?.release();
      expect((await first.promise).owned).toBe(true);
      await turns();
      expect(second.state()).toBe('pending');
      loans[1]?.release();
      expect((await second.promise).owned).toBe(true);
    });

    test('one message larger than the pool is possible, alone', async () => {
      const sender = await stage.sender({ poolBytes: MIB });
      const large = await sender.loan(3 * MIB);
      expect(large.bytes.length).toBe(3 * MIB);
      expect(sender.tryLoan(4 * KIB)?.byteLength).toBeUndefined();
      large.release();
      const small = await sender.loan(4 * KIB);
      expect(sender.tryLoan(3 * MIB)?.byteLength).toBeUndefined();
      small.release();
      expect((await sender.loan(3 * MIB)).owned).toBe(true);
    });

    test('a receiver that keeps everything stops the sender, and nothing is lost', async () => {
      const { sender, receiver } = await stage.outgoing({
        sender: { poolBytes: MIB },
        receiver: { maxBorrowedBytes: MIB },
      });
      const total = 100;
      let sent = 0;
      const sending = observe(
        (async () => {
          for (; sent < total; sent++) await sendPatterned(sender, 64 * KIB, sent);
        })(),
      );
      const holding = receiver.hold(total);
      await stage.until(async () => (await receiver.stats()).deliveriesHeld === 16);
      await turns(50);
      expect(await receiver.stats()).toMatchObject({ deliveriesHeld: 16, bytesHeld: MIB });
      expect(sending.state()).toBe('pending');
      // 1 MiB in the receiver's hands, 1 MiB out of the sender's pool, and one being sent.
      expect(sent).toBeLessThanOrEqual(33);
      expect(sender.stats().bytesOut).toBeLessThanOrEqual(MIB);
      const held = observe(holding);
      await stage.until(async () => {
        await receiver.release(5);
        return held.state() !== 'pending';
      });
      expectReceived(await holding, { messages: total, bytes: total * 64 * KIB });
      await sending.promise;
      await receiver.release();
      await sender.flush();
      expect(sender.stats()).toMatchObject({ messagesSent: total, bytesOut: 0 });
    });

    /** The next process warning with this code. */
    function warning(code: string): Promise<string> {
      return new Promise((resolve) => {
        const listen = (warned: Error & { readonly code?: string }): void => {
          if (warned.code === code) resolve(warned.message);
        };
        process.on('warning', listen);
        stage.defer(() => process.off('warning', listen));
      });
    }

    test('a loan that waits for the loans of its own program has that said (11.11)', async () => {
      const sender = await stage.sender({ poolBytes: MIB });
      const loans = [await sender.loan(MIB / 2), await sender.loan(MIB / 2)];
      for (const loan of loans) expect(await loan.send()).toBe('no-receiver');
      const warned = warning('PAGEFERRY_LOANS_HELD');
      const waiting = sender.loan(MIB);
      expect(await warned).toMatch(/2 loans \(1 MiB of a pool of 1 MiB\)/);
      for (const loan of loans) loan.release();
      expect((await waiting).owned).toBe(true);
    });

    test('a receive that waits for its own releases has that said (11.11)', async () => {
      const maxBorrowedBytes = 64 * KIB;
      const { sender, receiver } = await stage.incoming({ receiver: { maxBorrowedBytes } });
      const sent = sender.send(64 * KIB, 64 * KIB);
      const first = await receiveOne(receiver);
      const warned = warning('PAGEFERRY_DELIVERIES_HELD');
      const waiting = receiveOne(receiver);
      expect(await warned).toMatch(/1 delivery \(64 KiB\)/);
      await expectFailure(() => receiver.receive({ timeout: 1 }), 'TIMEOUT');
      first.release();
      expectIntact(await waiting);
      await sent;
    });

    test('what trySend refuses as full stays with the caller, and can be sent later', async () => {
      const { sender, receiver } = await stage.outgoing();
      const { messages, refused } = fillWithSmall(sender);
      expect(messages).toBeGreaterThan(0);
      expect(refused.owned).toBe(true);
      expect(findMismatch(refused.bytes, messages)).toBe(-1);
      expect(refused.trySend()).toBe('full');
      const received = receiver.receive(messages + 1);
      expect(await refused.send()).toBe('sent');
      expectReceived(await received, { messages: messages + 1 });
    });

    test('large messages that nobody receives stop at the size of the pool', async () => {
      const { sender, receiver } = await stage.outgoing({ sender: { poolBytes: 8 * MIB } });
      const { messages, refused } = fillUp(sender, MIB);
      refused?.release();
      expect(messages).toBeGreaterThan(0);
      expect(messages).toBeLessThanOrEqual(8);
      expect(sender.stats().bytesOut).toBeLessThanOrEqual(8 * MIB);
      const waiting = sender.loan(MIB);
      expectReceived(await receiver.receive(messages), { messages, bytes: messages * MIB });
      (await waiting).release();
      await sender.flush();
      expect(sender.stats()).toMatchObject({ bytesOut: 0, messagesSent: messages });
    });

    test('receive waits above maxBorrowedBytes until a delivery is released', async () => {
      const { sender, receiver } = await stage.incoming({
        receiver: { maxBorrowedBytes: MIB },
      });
      const sent = sender.sendMany(6, 256 * KIB);
      const held: Delivery[] = [];
      while (held.length < 4) held.push(await receiveOne(receiver));
      const fifth = observe(receiver.receive());
      await turns(50);
      expect(fifth.state()).toBe('pending');
      expect(receiver.stats()).toMatchObject({ deliveriesHeld: 4, bytesHeld: MIB });
      held[0]?.release();
      const fifthDelivery = await fifth.promise;
      expect(fifthDelivery?.sequence).toBe(4);
      expect(receiver.tryReceive()?.sequence).toBeUndefined();
      for (const delivery of held.slice(1)) {
        expectIntact(delivery);
        delivery.release();
      }
      expectReceived(await receiveChecked(receiver, 1), { messages: 1, first: 5 });
      await sent;
    });

    test('receiveMany stops at maxBorrowedBytes', async () => {
      const { sender, receiver } = await stage.incoming({
        receiver: { maxBorrowedBytes: MIB },
      });
      const sent = sender.sendMany(8, 256 * KIB);
      const sequences: number[] = [];
      while (sequences.length < 8) {
        const deliveries = await receiver.receiveMany(8);
        expect(deliveries.length).toBeLessThanOrEqual(4);
        sequences.push(...deliveries.map((delivery) => delivery.sequence));
        for (const delivery of deliveries) delivery.release();
      }
      expect(sequences).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
      await sent;
    });

    test('one delivery larger than maxBorrowedBytes is possible, alone', async () => {
      const { sender, receiver } = await stage.incoming({
        receiver: { maxBorrowedBytes: MIB },
      });
      const sent = sender.send(10, 3 * MIB, 20);
      const small = await receiveOne(receiver);
      const waiting = observe(receiver.receive());
      await turns(50);
      expect(waiting.state()).toBe('pending');
      small.release();
      const large = (await waiting.promise) as Delivery;
      expect(large.byteLength).toBe(3 * MIB);
      expectIntact(large);
      expect(receiver.tryReceive()?.sequence).toBeUndefined();
      large.release();
      expectReceived(await receiveChecked(receiver, 1), { messages: 1, first: 2 });
      await sent;
    });

    test('flush waits for what is not received yet', async () => {
      const { sender, receiver } = await stage.outgoing();
      await sender.flush();
      await sendPatterned(sender, 100, 0);
      await sendPatterned(sender, 200, 1);
      const flush = observe(sender.flush());
      await turns();
      expect(flush.state()).toBe('pending');
      expectReceived(await receiver.receive(2), { messages: 2 });
      await flush.promise;
      expect(sender.receivers).toMatchObject([{ messagesBehind: 0, bytesBehind: 0 }]);
    });
  });
}
