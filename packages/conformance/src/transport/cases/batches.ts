import type { Delivery, Loan, Receiver, Sender } from '@pageferry/core';
import { describe, expect, test } from 'vitest';
import { expectFailure } from '../harness/expectations.js';
import { useStage } from '../harness/stage.js';
import type { Subject } from '../registration.js';

/** More than fit into any queue or pipe at once. */
const MANY = 3000;

/** Several messages that are sent, or released, together. */
export function describeBatches(subject: Subject): void {
  describe('batches', () => {
    const stage = useStage(subject);

    async function pair(): Promise<{ sender: Sender; receiver: Receiver }> {
      const sender = await stage.sender();
      const receiver = await stage.receiver(sender.endpoint);
      await sender.waitForReceivers();
      return { sender, receiver };
    }

    /** Loans of which each holds its number, and has it as its tag. */
    async function lend(sender: Sender, count: number, first = 0): Promise<Loan[]> {
      const loans: Loan[] = [];
      for (let index = first; index < first + count; index++) {
        const loan = await sender.loan(16, { timeout: 5000 });
        loan.bytes.fill(index);
        loan.tag = index;
        loans.push(loan);
      }
      return loans;
    }

    function expectNumber(delivery: Delivery | undefined, number: number): void {
      expect(delivery?.tag).toBe(number);
      expect(delivery?.bytes.every((byte) => byte === (number & 255))).toBe(true);
    }

    test('arrive whole and in order, beside messages that are sent one by one', async () => {
      const { sender, receiver } = await pair();
      const receiving = (async () => {
        for (let number = 0; number < MANY; number++) {
          using delivery = await receiver.receive({ timeout: 10_000 });
          expectNumber(delivery, number);
          expect(delivery?.sequence).toBe(number);
        }
      })();
      for (let number = 0; number < MANY; ) {
        const loans = await lend(sender, Math.min(1 + (number % 20), MANY - number), number);
        number += loans.length;
        const outcome = loans.length === 1 ? loans[0]?.send() : sender.sendMany(loans);
        expect(await outcome).toBe('sent');
        expect(loans.some(({ owned }) => owned)).toBe(false);
      }
      await receiving;
      expect(sender.stats()).toMatchObject({ messagesSent: MANY, loansHeld: 0 });
    });

    test('that do not fit at once go on when there is room', async () => {
      const { sender, receiver } = await pair();
      const loans = await lend(sender, 100);
      const sending = sender.sendMany(loans, { timeout: 10_000 });
      const received: Delivery[] = [];
      for (let number = 0; number < loans.length; number++) {
        const delivery = await receiver.receive({ timeout: 10_000 });
        expectNumber(delivery, number);
        if (delivery !== undefined) received.push(delivery);
        if (received.length === 7) receiver.releaseMany(received.splice(0));
      }
      expect(await sending).toBe('sent');
      receiver.releaseMany(received);
      expect(receiver.stats()).toMatchObject({ deliveriesHeld: 0, messagesReceived: 100 });
      await sender.flush({ timeout: 5000 });
    });

    test('wake a receiver that waits', async () => {
      const { sender, receiver } = await pair();
      for (let round = 0; round < 20; round++) {
        const waiting = receiver.receive({ timeout: 5000 });
        await new Promise((resolve) => setTimeout(resolve, round % 3));
        await sender.sendMany(await lend(sender, 3, 3 * round));
        const rest = [await waiting, await receiver.receive(), await receiver.receive()];
        for (const [index, delivery] of rest.entries()) expectNumber(delivery, 3 * round + index);
        receiver.releaseMany(rest.filter((delivery) => delivery !== undefined));
      }
    });

    test('of deliveries may be in any order, and may have been released in part', async () => {
      const { sender, receiver } = await pair();
      await sender.sendMany(await lend(sender, 9));
      const deliveries: Delivery[] = [];
      while (deliveries.length < 9) {
        deliveries.push(...(await receiver.receiveMany(9, { timeout: 5000 })));
      }
      deliveries[4]?.release();
      const kept = deliveries.splice(2, 1);
      receiver.releaseMany(deliveries.reverse());
      receiver.releaseMany(deliveries);
      expect(receiver.stats().deliveriesHeld).toBe(1);
      expectNumber(kept[0], 2);
      receiver.releaseMany(kept);
      await sender.flush({ timeout: 5000 });
      expect(sender.stats().bytesOut).toBe(0);
    });

    test('of nothing are sent, and released', async () => {
      const { sender, receiver } = await pair();
      expect(await sender.sendMany([])).toBe('sent');
      receiver.releaseMany([]);
    });

    test('of nothing wake nobody, and are held against nobody, however many there are', async () => {
      const { sender, receiver } = await pair();
      const waiting = receiver.receive({ timeout: 10_000 });
      await new Promise((resolve) => setTimeout(resolve, 20));
      for (let count = 0; count < 200; count++) {
        await sender.sendMany([]);
        if (count % 10 === 0) await new Promise(setImmediate);
      }
      await sender.sendMany(await lend(sender, 1));
      const delivery = (await waiting) as Delivery;
      expectNumber(delivery, 0);
      delivery.retain();
      const flushing = sender.flush({ timeout: 10_000 });
      await new Promise((resolve) => setTimeout(resolve, 20));
      for (let count = 0; count < 200; count++) {
        receiver.releaseMany([]);
        if (count % 10 === 0) await new Promise(setImmediate);
      }
      receiver.releaseMany([delivery]);
      receiver.releaseMany([delivery]);
      await flushing;
      expect(sender.receivers).toHaveLength(1);
    });

    test('stay with the caller where nobody receives', async () => {
      const sender = await stage.sender();
      const loans = await lend(sender, 3);
      expect(await sender.sendMany(loans)).toBe('no-receiver');
      expect(loans.every(({ owned }) => owned)).toBe(true);
      for (const loan of loans) loan.release();
    });

    test('of what is somebody else’s are refused, and nothing is sent or released', async () => {
      const { sender, receiver } = await pair();
      const other = await pair();
      const [foreign] = await lend(other.sender, 1);
      const [own, next] = (await lend(sender, 2)) as [Loan, Loan];
      for (const wrong of [[own, foreign], [own, {}], [own, undefined], 5, undefined, own]) {
        await expectFailure(() => sender.sendMany(wrong as never), 'INVALID_ARGUMENT');
      }
      await expectFailure(() => sender.sendMany([next, own, next]), 'LOAN_NOT_OWNED');
      expect([own.owned, next.owned, foreign?.owned]).toEqual([true, true, true]);
      expect(await sender.sendMany([own, next])).toBe('sent');
      await expectFailure(() => sender.sendMany([own]), 'LOAN_NOT_OWNED');

      expect(await foreign?.send()).toBe('sent');
      const theirs = await other.receiver.receive({ timeout: 5000 });
      const ours = await receiver.receive({ timeout: 5000 });
      for (const wrong of [[ours, theirs], [ours, {}], [ours, undefined], 5, undefined, ours]) {
        await expectFailure(() => receiver.releaseMany(wrong as never), 'INVALID_ARGUMENT');
      }
      expect([ours?.released, theirs?.released]).toEqual([false, false]);
      expectNumber(ours, 0);
    });

    test('that are aborted tell of each loan whether it was accepted', async () => {
      const { sender, receiver } = await pair();
      let accepted = 0;
      const controller = new AbortController();
      // Until the receiver takes no more.
      for (;;) {
        const loan = sender.tryLoan(16);
        if (loan === undefined) break;
        loan.tag = accepted;
        loan.bytes.fill(accepted);
        const sending = sender.sendMany([loan], { signal: controller.signal, timeout: 300 });
        const outcome = await sending.catch((error: { code?: string }) => error.code);
        if (outcome === 'sent') accepted++;
        else {
          expect(outcome).toBe('TIMEOUT');
          if (!loan.owned) accepted++;
          loan.release();
          break;
        }
        if (accepted > 100_000) break;
      }
      for (let number = 0; number < accepted; number++) {
        const delivery = await receiver.receive({ timeout: 5000 });
        expectNumber(delivery, number);
        delivery?.release();
      }
      controller.abort();
      const [loan] = (await lend(sender, 1)) as [Loan];
      await expectFailure(() => sender.sendMany([loan], { signal: controller.signal }), 'ABORTED');
      expect(loan.owned).toBe(true);
    });

    test('are refused once their end is closed', async () => {
      const { sender, receiver } = await pair();
      const loans = await lend(sender, 1);
      await sender.close();
      await expectFailure(() => sender.sendMany(loans), 'CLOSED');
      await receiver.close();
      receiver.releaseMany([]);
    });
  });
}
