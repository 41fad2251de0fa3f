import { isPageferryError } from '@pageferry/core';
import { describe, expect, test } from 'vitest';
import { expectFailure, expectReceived } from '../harness/expectations.js';
import { fillWithSmall } from '../harness/filling.js';
import {
  expectIntact,
  filledLoan,
  receiveChecked,
  receiveOne,
  sendPatterned,
} from '../harness/here.js';
import { turns } from '../harness/settling.js';
import { useStage } from '../harness/stage.js';
import { fillPattern } from '../peers/pattern.js';
import type { Subject } from '../registration.js';

const KIB = 1024;
const MIB = 1024 * KIB;

/** What was given up is not half done: no message is lost, repeated or spoilt by an abort. */
export function describeAbortsLoseNothing(subject: Subject): void {
  describe('after an abort', () => {
    const stage = useStage(subject);
    const { zeroCopyReceive } = subject.transport.capabilities;

    test('the next receive gets the message that the aborted one would have got', async () => {
      const { sender, receiver } = await stage.incoming();
      const controller = new AbortController();
      const given = receiver.receive({ signal: controller.signal });
      controller.abort();
      await expectFailure(() => given, 'ABORTED');
      await expectFailure(() => receiver.receive({ timeout: 5 }), 'TIMEOUT');
      await sender.send(100);
      expectReceived(await receiveChecked(receiver, 1), { messages: 1 });
    });

    test('calls behind the aborted one get their messages', async () => {
      const { sender, receiver } = await stage.incoming();
      const controller = new AbortController();
      const first = receiver.receive();
      const second = receiver.receive({ signal: controller.signal });
      const third = receiver.receive();
      controller.abort();
      await expectFailure(() => second, 'ABORTED');
      await sender.send(10, 20);
      expect((await first)?.sequence).toBe(0);
      expect((await third)?.sequence).toBe(1);
    });

    test('messages that arrive while receives are aborted all come, in order', async () => {
      const { sender, receiver } = await stage.incoming();
      const count = 300;
      const sent = sender.sendMany(count, 9000);
      let next = 0;
      let aborts = 0;
      const stillOn = stage.watch();
      while (next < count) {
        stillOn();
        const controller = new AbortController();
        const call = receiver.receive({ signal: controller.signal });
        call.catch(() => {});
        for (let turn = (next + aborts) % 4; turn > 0; turn--) await turns(1);
        controller.abort();
        try {
          using delivery = await call;
          expect(delivery?.sequence).toBe(next);
          next++;
          if (delivery) expectIntact(delivery);
        } catch (error) {
          if (!isPageferryError(error, 'ABORTED')) throw error;
          aborts++;
        }
      }
      expect((await sent).outcomes.sent).toBe(count);
    });

    test('a large message whose receive is aborted half-way comes whole afterwards', async () => {
      const { sender, receiver } = await stage.incoming();
      const sent = sender.send(40 * MIB, 10);
      for (let attempt = 0; attempt < 5; attempt++) {
        const controller = new AbortController();
        const call = receiver.receive({ signal: controller.signal });
        const outcome = call.then(
          (delivery) => delivery,
          () => undefined,
        );
        await turns(2);
        controller.abort();
        const delivery = await outcome;
        if (delivery === undefined) continue;
        expect(delivery.sequence).toBe(0);
        expectIntact(delivery);
        delivery.release();
        expectReceived(await receiveChecked(receiver, 1), { messages: 1, first: 1 });
        return void (await sent);
      }
      expectReceived(await receiveChecked(receiver, 2), { messages: 2 });
      await sent;
    });

    test('an aborted loan takes no memory', async () => {
      const sender = await stage.sender({ poolBytes: 64 * KIB });
      const held = await sender.loan(64 * KIB);
      const before = sender.stats();
      const controller = new AbortController();
      const waiting = [1, 2, 3].map(() => sender.loan(64 * KIB, { signal: controller.signal }));
      controller.abort();
      await Promise.all(waiting.map((loan) => expectFailure(() => loan, 'ABORTED')));
      expect(sender.stats()).toEqual(before);
      held.release();
      const loan = await sender.loan(64 * KIB);
      expect(loan.owned).toBe(true);
      loan.release();
      expect(sender.stats()).toMatchObject({ loansHeld: 0, bytesOut: 0 });
    });

    test('a loan that was not accepted stays with the caller, and can be sent again', async () => {
      const { sender, receiver } = await stage.outgoing();
      const held = await sender.loan(1);
      const { messages, refused } = fillWithSmall(sender);
      refused.release();
      await expectFailure(() => held.send({ timeout: 10 }), 'TIMEOUT');
      expect(held.owned).toBe(true);
      const total = messages + 1;
      const received = receiver.receive(total);
      fillPattern(held.bytes, messages);
      expect(await held.send()).toBe('sent');
      expectReceived(await received, { messages: total });
      expect(sender.stats().messagesSent).toBe(total);
    });

    test.skipIf(zeroCopyReceive)('a message that is under way still arrives', async () => {
      const { sender, receiver } = await stage.outgoing();
      const loan = await filledLoan(sender, 32 * MIB, 0);
      const error = await expectFailure(() => loan.send({ timeout: 20 }), 'TIMEOUT');
      expect(loan.owned, error.message).toBe(false);
      await expectFailure(() => loan.send(), 'LOAN_NOT_OWNED');
      const received = receiver.receive(2);
      expect(await sendPatterned(sender, 77, 1)).toBe('sent');
      expectReceived(await received, { messages: 2, bytes: 32 * MIB + 77 });
    });

    test('a close that was aborted before it began destroys the sender', async () => {
      const { sender, receiver } = await stage.outgoing();
      const close = () => sender.close({ signal: AbortSignal.abort() });
      await expectFailure(close, 'ABORTED');
      expect(sender.closed).toBe(true);
      await expectFailure(() => receiver.receive(1), 'PEER_DIED');
    });

    test.skipIf(zeroCopyReceive)(
      'a close that cannot get rid of its messages is ended by its time limit',
      async () => {
        const { sender, receiver } = await stage.outgoing();
        const loan = await filledLoan(sender, 32 * MIB, 0);
        expect(loan.trySend()).toBe('sent');
        await expectFailure(() => sender.close({ timeout: 20 }), 'TIMEOUT');
        expect(sender.closed).toBe(true);
        await expectFailure(() => receiver.receive(1), 'PEER_DIED');
      },
    );

    test('a connection attempt that was given up leaves the sender free', async () => {
      const endpoint = stage.endpoint();
      await expectFailure(() => stage.receiver(endpoint, { timeout: 20 }), 'TIMEOUT');
      const sender = await stage.remoteSender(endpoint, { maxReceivers: 1 });
      expect(await sender.receivers()).toEqual([]);
      const receiver = await stage.receiver(endpoint);
      await sender.waitForReceivers(1);
      await sender.send(5);
      expect((await receiveOne(receiver)).sequence).toBe(0);
    });
  });
}
