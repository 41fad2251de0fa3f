import { existsSync, statSync } from 'node:fs';
import type { Loan, Sender } from '@pageferry/core';
import { describe, expect, test } from 'vitest';
import { expectFailure, expectReceived } from '../harness/expectations.js';
import { fillWithSmall } from '../harness/filling.js';
import { filledLoan } from '../harness/here.js';
import { useStage } from '../harness/stage.js';
import type { Subject } from '../registration.js';

type Operation<T> = readonly [name: string, call: (target: T) => unknown];

const SENDER_OPERATIONS: readonly Operation<Sender>[] = [
  ['loan', (sender) => sender.loan(1)],
  ['tryLoan', (sender) => sender.tryLoan(1)],
  ['send', (sender) => sender.send(new Uint8Array(1))],
  ['waitForReceivers', (sender) => sender.waitForReceivers()],
  ['flush', (sender) => sender.flush()],
];

const LOAN_OPERATIONS: readonly Operation<Loan>[] = [
  ['bytes', (loan) => loan.bytes],
  ['truncate', (loan) => loan.truncate(0)],
  ['send', (loan) => loan.send()],
  ['trySend', (loan) => loan.trySend()],
];

/** Senders and loans in every state of their lives. */
export function describeSenderLifecycle(subject: Subject): void {
  describe('lifecycle of a sender', () => {
    const stage = useStage(subject);

    const ends: readonly (readonly [string, (sender: Sender) => Promise<void>])[] = [
      ['close', (sender) => sender.close()],
      ['destroy', (sender) => sender.destroy()],
    ];

    describe.each(ends)('after %s', (_name, end) => {
      test.each(SENDER_OPERATIONS)('%s of the sender fails with CLOSED', async (_title, call) => {
        const { sender } = await stage.outgoing();
        await end(sender);
        await expectFailure(() => call(sender), 'CLOSED');
      });

      test.each(LOAN_OPERATIONS)('%s of a loan fails with CLOSED', async (_title, call) => {
        const { sender } = await stage.outgoing();
        const loan = await sender.loan(10);
        await end(sender);
        await expectFailure(() => call(loan), 'CLOSED');
      });

      test('the sender has let go of everything, and still answers what it was', async () => {
        const { sender } = await stage.outgoing();
        const loan = await sender.loan(10);
        await end(sender);
        expect(sender.closed).toBe(true);
        expect(sender.receivers).toEqual([]);
        expect(sender.stats()).toMatchObject({ loansHeld: 0, bytesOut: 0, messagesSent: 0 });
        expect(loan.owned).toBe(false);
        expect(loan.byteLength).toBe(10);
        expect(() => loan.release()).not.toThrow();
      });

      test('ending it again, in either way, is harmless', async () => {
        const { sender } = await stage.outgoing();
        await Promise.all([end(sender), end(sender)]);
        await sender.close();
        await sender.destroy();
        await sender[Symbol.asyncDispose]();
        expect(sender.closed).toBe(true);
      });

      test.runIf(subject.files)('the socket file is gone', async () => {
        const { sender } = await stage.outgoing();
        await end(sender);
        expect(existsSync(sender.endpoint)).toBe(false);
      });

      test('the endpoint can be used again', async () => {
        const first = await stage.outgoing();
        await end(first.sender);
        const sender = await stage.sender({}, first.sender.endpoint);
        const receiver = await stage.remoteReceiver(sender.endpoint);
        await sender.waitForReceivers();
        await (await filledLoan(sender, 5000, 0)).send();
        expectReceived(await receiver.receive(1), { messages: 1 });
      });

      test('calls that wait are told of it', async () => {
        const { sender } = await stage.outgoing({ sender: { poolBytes: 64 * 1024 } });
        const held = await sender.loan(64 * 1024);
        const loan = sender.loan(64 * 1024);
        const queued = sender.loan(1, { timeout: 60_000 });
        await Promise.all([
          expectFailure(() => loan, 'CLOSED'),
          expectFailure(() => queued, 'CLOSED'),
          end(sender),
        ]);
        expect(held.owned).toBe(false);
      });

      test('a send that waits to be accepted is told of it', async () => {
        const { sender, receiver } = await stage.outgoing();
        const held = await sender.loan(1);
        fillWithSmall(sender).refused.release();
        const failed = expectFailure(() => held.send(), 'CLOSED');
        const ending = end(sender);
        await failed;
        await Promise.all([ending, receiver.receive().catch(() => {})]);
      });
    });

    describe('while it is open', () => {
      test.each(LOAN_OPERATIONS)('%s of a released loan fails', async (_title, call) => {
        const sender = await stage.sender();
        const loan = await sender.loan(10);
        loan.release();
        expect(loan.owned).toBe(false);
        await expectFailure(() => call(loan), 'LOAN_NOT_OWNED');
        expect(sender.stats()).toMatchObject({ loansHeld: 0, bytesOut: 0 });
      });

      test.each(LOAN_OPERATIONS)('%s of a sent loan fails', async (_title, call) => {
        const { sender, receiver } = await stage.outgoing();
        const loan = await filledLoan(sender, 10, 0);
        expect(await loan.send()).toBe('sent');
        expect(loan.owned).toBe(false);
        expect(loan.byteLength).toBe(10);
        await expectFailure(() => call(loan), 'LOAN_NOT_OWNED');
        loan.release();
        expectReceived(await receiver.receive(1), { messages: 1 });
      });

      test('a loan that leaves its scope unsent gives its memory back', async () => {
        const sender = await stage.sender();
        {
          using loan = await sender.loan(100_000);
          expect(loan.owned).toBe(true);
          expect(sender.stats()).toMatchObject({ loansHeld: 1 });
          expect(sender.stats().bytesOut).toBeGreaterThanOrEqual(100_000);
        }
        expect(sender.stats()).toMatchObject({ loansHeld: 0, bytesOut: 0 });
      });

      test('releasing a loan twice frees it once', async () => {
        const sender = await stage.sender();
        const first = await sender.loan(10);
        const second = await sender.loan(10);
        first.release();
        first.release();
        first[Symbol.dispose]();
        expect(sender.stats().loansHeld).toBe(1);
        second.release();
        expect(sender.stats()).toMatchObject({ loansHeld: 0, bytesOut: 0 });
      });

      test('a wait for receivers is told when it ends', async () => {
        const sender = await stage.sender();
        const told = expectFailure(() => sender.waitForReceivers(), 'CLOSED');
        await sender.close();
        await told;
      });

      test('without a receiver a send is answered no-receiver, and the loan stays', async () => {
        const sender = await stage.sender();
        const loan = await filledLoan(sender, 1000, 0);
        expect(await loan.send()).toBe('no-receiver');
        expect(loan.trySend()).toBe('no-receiver');
        expect(await sender.send(new Uint8Array(5))).toBe('no-receiver');
        expect(loan.owned).toBe(true);
        expect(sender.stats()).toMatchObject({ messagesSent: 0, loansHeld: 1 });
        const receiver = await stage.remoteReceiver(sender.endpoint);
        await sender.waitForReceivers();
        expect(await loan.send()).toBe('sent');
        expectReceived(await receiver.receive(1), { messages: 1, bytes: 1000 });
      });

      test('receivers and stats are snapshots that tell who is behind', async () => {
        const { sender, receiver } = await stage.outgoing();
        const before = sender.receivers;
        expect(before).toMatchObject([{ messagesBehind: 0, bytesBehind: 0 }]);
        await (await filledLoan(sender, 3000, 0)).send();
        expect(before).toMatchObject([{ messagesBehind: 0, bytesBehind: 0 }]);
        expect(sender.receivers).toMatchObject([{ messagesBehind: 1, bytesBehind: 3000 }]);
        expect(sender.stats()).toMatchObject({ messagesSent: 1, bytesSent: 3000 });
        expect(sender.stats().method).toMatch(/./);
        expect(sender.stats().bytesOut).toBeGreaterThanOrEqual(3000);
        expectReceived(await receiver.receive(1), { messages: 1 });
        await sender.flush();
        expect(sender.receivers).toMatchObject([{ messagesBehind: 0, bytesBehind: 0 }]);
        expect(sender.stats()).toMatchObject({ bytesOut: 0, loansHeld: 0 });
      });

      test.runIf(subject.files)('its socket file is for its own user alone', async () => {
        const sender = await stage.sender();
        expect(statSync(sender.endpoint).isSocket()).toBe(true);
        expect(statSync(sender.endpoint).mode & 0o777).toBe(0o600);
      });
    });
  });
}
