import type { Delivery, Loan, Sender } from '@pageferry/core';
import { describe, expect, test } from 'vitest';
import { openFifo, openSocket } from '../harness/destinations.js';
import { expectReceived } from '../harness/expectations.js';
import { expectIntact, receiveChecked, receiveOne, sendPatterned } from '../harness/here.js';
import type { RemoteSender } from '../harness/remote.js';
import { useStage } from '../harness/stage.js';
import { findMismatch } from '../peers/pattern.js';
import type { Subject } from '../registration.js';

const KIB = 1024;
/** What a new pipe holds: a message of this size goes into it whole, with nobody reading. */
const PIPE_SIZE = 64 * KIB;

/** Bytes that were handed over never change, whatever the sender does with its memory. */
export function describeOwnership(subject: Subject): void {
  describe('ownership', () => {
    const stage = useStage(subject);
    const { tee } = subject.transport.capabilities;

    /** Has the sender use its memory again, and again. */
    async function churn(
      sender: RemoteSender,
      receiver: Parameters<typeof receiveChecked>[0],
      first: number,
    ): Promise<void> {
      const count = 600;
      const sent = sender.sendMany(count, PIPE_SIZE);
      expectReceived(await receiveChecked(receiver, count), { messages: count, first });
      await sent;
    }

    /** Takes all memory that the sender would lend, writes to it, and gives it back. */
    function scribble(sender: Sender, byteLength: number): void {
      const loans: Loan[] = [];
      for (let loan = sender.tryLoan(byteLength); loan; loan = sender.tryLoan(byteLength)) {
        loan.bytes.fill(0xee);
        loans.push(loan);
        if (loans.length > 2000) throw new Error('the pool has no end');
      }
      expect(loans.length).toBeGreaterThan(0);
      for (const loan of loans) loan.release();
    }

    test('deliveries that are held do not change while the sender goes on', async () => {
      const { sender, receiver } = await stage.incoming();
      const sent = sender.sendMany(8, PIPE_SIZE);
      const held: Delivery[] = [];
      while (held.length < 8) held.push(await receiveOne(receiver));
      await sent;
      await churn(sender, receiver, 8);
      for (const delivery of held) {
        expectIntact(delivery);
        delivery.release();
      }
      await churn(sender, receiver, 608);
    });

    test('a delivery is not for other threads unless its receiver was told so', async () => {
      const { sender, receiver } = await stage.incoming();
      const sent = sender.sendMany(1, PIPE_SIZE);
      const delivery = await receiveOne(receiver);
      await sent;
      expect(() => delivery.forThreads()).toThrow(
        expect.objectContaining({ code: 'NOT_SUPPORTED' }),
      );
      expect(() => delivery.forThreads(0)).toThrow(
        expect.objectContaining({ code: 'INVALID_ARGUMENT', argument: 'threads' }),
      );
      expectIntact(delivery);
      delivery.release();
      expect(() => delivery.forThreads()).toThrow(
        expect.objectContaining({ code: 'DELIVERY_RELEASED' }),
      );
    });

    test('a delivery goes back when it was released as often as it is held (11.4)', async () => {
      const { sender, receiver } = await stage.incoming();
      const sent = sender.sendMany(1, PIPE_SIZE);
      const delivery = await receiveOne(receiver);
      await sent;
      expect(delivery.retain()).toBe(delivery);
      delivery.retain();
      delivery.release();
      delivery.release();
      expect(delivery.released).toBe(false);
      expect(receiver.stats()).toMatchObject({ deliveriesHeld: 1, bytesHeld: PIPE_SIZE });
      await churn(sender, receiver, 1);
      expectIntact(delivery);
      delivery.release();
      expect(delivery.released).toBe(true);
      expect(receiver.stats()).toMatchObject({ deliveriesHeld: 0, bytesHeld: 0 });
      delivery.release();
      expect(receiver.stats()).toMatchObject({ deliveriesHeld: 0, bytesHeld: 0 });
      expect(() => delivery.retain()).toThrow(
        expect.objectContaining({ code: 'DELIVERY_RELEASED' }),
      );
      await churn(sender, receiver, 601);
    });

    test('the end of a block takes one hold, and close takes all of them (11.4)', async () => {
      const { sender, receiver } = await stage.incoming();
      const sent = sender.sendMany(1, PIPE_SIZE);
      let kept: Delivery;
      {
        using delivery = await receiveOne(receiver);
        kept = delivery.retain();
      }
      await sent;
      expectIntact(kept);
      await receiver.close();
      expect(kept.released).toBe(true);
      expect(() => kept.retain()).toThrow(expect.objectContaining({ code: 'DELIVERY_RELEASED' }));
      kept.release();
      expect(receiver.stats()).toMatchObject({ deliveriesHeld: 0, bytesHeld: 0 });
    });

    test('deliveries that the peer holds do not change while this sender goes on', async () => {
      const { sender, receiver } = await stage.outgoing();
      const held = receiver.hold(8);
      for (let sequence = 0; sequence < 8; sequence++) {
        await sendPatterned(sender, PIPE_SIZE, sequence);
      }
      await held;
      const received = receiver.receive(300);
      for (let sequence = 8; sequence < 308; sequence++) {
        await sendPatterned(sender, PIPE_SIZE, sequence);
        if (sequence % 50 === 0) scribble(sender, PIPE_SIZE);
      }
      expectReceived(await received, { messages: 300, first: 8 });
      expectReceived(await receiver.checkHeld(), { messages: 8 });
    });

    test('messages that nobody has received yet are not overwritten', async () => {
      const { sender, receiver } = await stage.outgoing({ sender: { poolBytes: 1024 * KIB } });
      for (let sequence = 0; sequence < 4; sequence++) {
        await sendPatterned(sender, 16 * KIB, sequence);
        scribble(sender, 16 * KIB);
      }
      expectReceived(await receiver.receive(4), { messages: 4, bytes: 64 * KIB });
      await sender.flush();
    });

    test('a loan is not lent twice', async () => {
      const sender = await stage.sender({ poolBytes: 1024 * KIB });
      const loans: Loan[] = [];
      for (let value = 1; value <= 8; value++) {
        const loan = await sender.loan(50_000 + value);
        loan.bytes.fill(value);
        loans.push(loan);
      }
      for (const [index, loan] of loans.entries()) {
        expect(loan.bytes.every((byte) => byte === index + 1)).toBe(true);
      }
    });

    test('pages that went on to a pipe are right when it is read later', async () => {
      const { sender, receiver } = await stage.incoming();
      const fifo = openFifo(stage);
      await sender.send(PIPE_SIZE);
      expect(await receiver.spliceTo(fifo.fd)).toMatchObject({ byteLength: PIPE_SIZE });
      await churn(sender, receiver, 1);
      expect(findMismatch(await fifo.farEnd().read(PIPE_SIZE), 0)).toBe(-1);
    });

    test('pages that went on to a pipe outlive both ends of the transport', async () => {
      const { sender, receiver } = await stage.incoming();
      const fifo = openFifo(stage);
      await sender.send(PIPE_SIZE);
      await receiver.spliceTo(fifo.fd);
      await sender.close();
      await receiver.close();
      const next = await stage.incoming();
      await churn(next.sender, next.receiver, 0);
      expect(findMismatch(await fifo.farEnd().read(PIPE_SIZE), 0)).toBe(-1);
    });

    test.each(['unix', 'tcp'] as const)(
      'pages that went on to a %s socket are right when it is read later',
      async (kind) => {
        const { sender, receiver } = await stage.incoming();
        const { fd, farEnd } = await openSocket(stage, kind);
        await sender.send(PIPE_SIZE);
        expect(await receiver.spliceTo(fd)).toMatchObject({ byteLength: PIPE_SIZE });
        await churn(sender, receiver, 1);
        expect(findMismatch(await farEnd.read(PIPE_SIZE), 0)).toBe(-1);
      },
    );

    test.runIf(tee)('pages that were duplicated by tee are right when read later', async () => {
      const { sender, receiver } = await stage.incoming();
      const pipe = openFifo(stage);
      const copy = openFifo(stage);
      await sender.send(PIPE_SIZE);
      await receiver.spliceTo(pipe.fd, { tee: copy.fd });
      expect(findMismatch(await pipe.farEnd().read(PIPE_SIZE), 0)).toBe(-1);
      await churn(sender, receiver, 1);
      expect(findMismatch(await copy.farEnd().read(PIPE_SIZE), 0)).toBe(-1);
    });
  });
}
