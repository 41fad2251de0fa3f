import type { BaseLoan, LoanMemory } from '@pageferry/core';
import { describe, expect, test, vi } from 'vitest';
import { useFakeClock } from './support/fake-clock.js';
import { FakeSender } from './support/fake-sender.js';
import { stateOf, turns } from './support/turns.js';

const BYTES = new Uint8Array(10);

describe('a loan', () => {
  test('is counted while it is held, and given back once', async () => {
    const sender = new FakeSender();
    const loan = await sender.loan(10);
    expect(sender.stats()).toMatchObject({ loansHeld: 1, bytesOut: 1, method: 'fake' });
    loan.release();
    loan.release();
    loan[Symbol.dispose]();
    expect(sender.calls).toEqual(['free']);
    expect(sender.stats()).toMatchObject({ loansHeld: 0, bytesOut: 0 });
  });

  test('keeps its length when its memory is taken away', async () => {
    const sender = new FakeSender();
    const loan = await sender.loan(10);
    structuredClone(loan.bytes, { transfer: [loan.bytes.buffer as ArrayBuffer] });
    expect(loan.byteLength).toBe(10);
    loan.release();
  });

  test('is sent with the length it was truncated to', async () => {
    const sender = new FakeSender();
    const loan = await sender.loan(10);
    loan.truncate(7);
    loan.truncate(3);
    expect(() => loan.truncate(4)).toThrow(/from 0 to 3/);
    expect(loan.bytes.length).toBe(3);
    expect(await loan.send()).toBe('sent');
    expect(sender.accepted).toEqual([3]);
    expect(sender.stats()).toMatchObject({ messagesSent: 1, bytesSent: 3, loansHeld: 0 });
  });

  test('that is lent again after it was sent shows what its backend has for it then', async () => {
    const sender = new FakeSender();
    const loan = (await sender.loan(10)) as BaseLoan<LoanMemory>;
    const before = loan.bytes;
    expect(await loan.send()).toBe('sent');
    const bytes = new Uint8Array(10).fill(7);
    Object.assign(loan.memory, { bytes });
    sender.lendAgain(loan);
    expect(loan.bytes).toBe(bytes);
    expect(loan.bytes).not.toBe(before);
    expect(sender.stats().loansHeld).toBe(1);
    loan.release();
    expect(sender.stats().loansHeld).toBe(0);
  });

  test('stays with the caller when nobody takes it', async () => {
    const sender = new FakeSender();
    const loan = await sender.loan(10);
    sender.set({ outcome: 'no-receiver' });
    expect(await loan.send()).toBe('no-receiver');
    expect(loan.trySend()).toBe('no-receiver');
    sender.set({ outcome: 'full' });
    expect(loan.trySend()).toBe('full');
    expect(loan.owned).toBe(true);
    expect(sender.stats()).toMatchObject({ messagesSent: 0, loansHeld: 1 });
  });

  test('that is sealed before it is accepted shows no bytes, and can be sent or released', async () => {
    const sender = new FakeSender();
    sender.set({ seals: true });
    sender.set({ outcome: 'full' });
    const [loan, other] = [await sender.loan(10), await sender.loan(10)];
    for (const each of [loan, other]) {
      expect(each.trySend()).toBe('full');
      // As a backend may take the view away.
      expect(each).toMatchObject({ owned: true, byteLength: 10, bytes: new Uint8Array(0) });
    }
    loan.truncate(7);
    const sending = loan.send();
    expect(await stateOf(sending)).toBe('pending');
    sender.change({ outcome: 'sent' });
    expect(await sending).toBe('sent');
    expect(sender.accepted).toEqual([7]);
    expect(() => loan.bytes).toThrow(expect.objectContaining({ code: 'LOAN_NOT_OWNED' }));
    other.release();
    expect(sender.stats()).toMatchObject({ loansHeld: 0, bytesOut: 0 });
  });

  test('that was sent or released is LOAN_NOT_OWNED', async () => {
    const sender = new FakeSender();
    const [sent, released] = [await sender.loan(1), await sender.loan(1)];
    await sent.send();
    released.release();
    for (const loan of [sent, released]) {
      expect(loan.owned).toBe(false);
      expect(() => loan.bytes).toThrow(expect.objectContaining({ code: 'LOAN_NOT_OWNED' }));
      expect(() => loan.truncate(0)).toThrow(expect.objectContaining({ code: 'LOAN_NOT_OWNED' }));
      expect(() => loan.trySend()).toThrow(expect.objectContaining({ code: 'LOAN_NOT_OWNED' }));
      await expect(loan.send()).rejects.toMatchObject({ code: 'LOAN_NOT_OWNED' });
      await expect(loan.send({ timeout: 50 })).rejects.toMatchObject({ code: 'LOAN_NOT_OWNED' });
    }
  });

  test('can be released while its send waits, which then fails', async () => {
    const sender = new FakeSender();
    const loan = await sender.loan(1);
    sender.set({ outcome: 'full' });
    const sending = loan.send();
    expect(await stateOf(sending)).toBe('pending');
    loan.release();
    sender.change({ outcome: 'sent' });
    await expect(sending).rejects.toMatchObject({ code: 'LOAN_NOT_OWNED' });
    expect(sender.accepted).toEqual([]);
  });

  test('that is sent twice at once leaves once', async () => {
    const sender = new FakeSender();
    const loan = await sender.loan(1);
    sender.set({ outcome: 'full' });
    const both = Promise.allSettled([loan.send(), loan.send()]);
    sender.change({ outcome: 'sent' });
    const [first, second] = await both;
    expect(first).toMatchObject({ status: 'fulfilled', value: 'sent' });
    expect(second).toMatchObject({ reason: { code: 'LOAN_NOT_OWNED' } });
    expect(sender.accepted).toEqual([1]);
  });
});

describe('waiting in a sender', () => {
  test('a loan waits for room, in the order of the calls, and is woken by a release', async () => {
    const sender = new FakeSender();
    sender.set({ room: 1 });
    const held = await sender.loan(1);
    const first = sender.loan(11);
    const second = sender.loan(12);
    expect(sender.tryLoan(1)).toBeUndefined();
    expect(await stateOf(first)).toBe('pending');
    held.release();
    expect((await first).byteLength).toBe(11);
    expect(await stateOf(second)).toBe('pending');
    (await first).release();
    expect((await second).byteLength).toBe(12);
  });

  test('nobody overtakes a loan that waits', async () => {
    const sender = new FakeSender();
    sender.set({ room: 0 });
    const waiting = sender.loan(1);
    sender.set({ room: 2 }); // Not announced: the one that waits does not know yet.
    expect(sender.tryLoan(1)).toBeUndefined();
    sender.change({});
    expect((await waiting).byteLength).toBe(1);
    await turns();
    expect(sender.tryLoan(1)?.byteLength).toBe(1);
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8, 12])(
    'nobody overtakes a send that has waited for memory, %i microtasks after that is there',
    async (microtasks) => {
      const sender = new FakeSender();
      sender.set({ room: 0 });
      const sent: Promise<unknown>[] = [sender.send(new Uint8Array(1))];
      await turns(2);
      const { allocate } = sender.outbox;
      sender.outbox.allocate = function (byteLength) {
        sender.outbox.allocate = allocate;
        let later = Promise.resolve();
        for (let count = 0; count < microtasks; count++) later = later.then(() => undefined);
        sent.push(later.then(() => sender.send(new Uint8Array(2))));
        return allocate.call(this, byteLength);
      };
      sender.change({ room: 10 });
      await turns(3);
      expect(await Promise.all(sent)).toEqual(['sent', 'sent']);
      expect(sender.accepted).toEqual([1, 2]);
      await sender.close();
    },
  );

  test('send waits to be accepted, then until the message has left', async () => {
    const sender = new FakeSender();
    const loan = await sender.loan(5);
    sender.change({ outcome: 'full', left: false });
    const sending = loan.send();
    expect(await stateOf(sending)).toBe('pending');
    expect(loan.owned).toBe(true);
    sender.change({ outcome: 'sent' });
    expect(await stateOf(sending)).toBe('pending');
    expect(loan.owned).toBe(false);
    sender.change({ left: true });
    expect(await sending).toBe('sent');
  });

  test('trySend does not overtake a send that waits', async () => {
    const sender = new FakeSender();
    const [slow, quick] = [await sender.loan(1), await sender.loan(2)];
    sender.set({ outcome: 'full' });
    const sending = slow.send();
    sender.set({ outcome: 'sent' });
    expect(quick.trySend()).toBe('full');
    sender.change({});
    await sending;
    await turns();
    expect(quick.trySend()).toBe('sent');
    expect(sender.accepted).toEqual([1, 2]);
  });

  test('sends keep their order when the event loop is due', async () => {
    const sender = new FakeSender(0);
    const loans = await Promise.all([1, 2, 3, 4, 5, 6].map((length) => sender.loan(length)));
    await Promise.all(loans.map((loan, at) => loan.send(at % 2 ? { timeout: 1000 } : undefined)));
    expect(sender.accepted).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test('an abort takes back a send that was not accepted, and only that', async () => {
    const sender = new FakeSender();
    const [kept, gone] = [await sender.loan(1), await sender.loan(2)];
    sender.set({ outcome: 'full' });
    await expect(kept.send({ timeout: 5 })).rejects.toMatchObject({ code: 'TIMEOUT' });
    expect(kept.owned).toBe(true);
    sender.change({ outcome: 'sent', left: false });
    const controller = new AbortController();
    const sending = gone.send({ signal: controller.signal });
    controller.abort('why');
    await expect(sending).rejects.toMatchObject({ code: 'ABORTED', cause: 'why' });
    expect(gone.owned).toBe(false);
    expect(sender.accepted).toEqual([2]);
  });

  test('waitForReceivers and flush wait for the backend to say so', async () => {
    const sender = new FakeSender();
    sender.change({ connected: 0, flushed: false });
    const [receivers, flush] = [sender.waitForReceivers(2), sender.flush()];
    sender.change({ connected: 1 });
    expect(await stateOf(receivers)).toBe('pending');
    sender.change({ connected: 2 });
    await receivers;
    expect(await stateOf(flush)).toBe('pending');
    sender.change({ flushed: true });
    await flush;
    await expect(sender.waitForReceivers(4)).rejects.toMatchObject({ argument: 'count' });
  });

  test('an error of the backend is the error of the call, and nothing is left counted', async () => {
    const sender = new FakeSender();
    const loan = await sender.loan(1);
    sender.set({ failure: new Error('no memory') });
    await expect(sender.loan(1)).rejects.toThrow('no memory');
    await expect(sender.loan(1, { timeout: 100 })).rejects.toThrow('no memory');
    await expect(loan.send()).rejects.toThrow('no memory');
    expect(() => loan.trySend()).toThrow('no memory');
    expect(loan.owned).toBe(true);
    expect(sender.stats().loansHeld).toBe(1);
  });
});

describe('send of bytes', () => {
  test('copies them into a loan, which is given back if it is not sent', async () => {
    const sender = new FakeSender();
    expect(await sender.send(BYTES)).toBe('sent');
    sender.set({ outcome: 'no-receiver' });
    expect(await sender.send(BYTES)).toBe('no-receiver');
    sender.set({ outcome: 'full' });
    await expect(sender.send(BYTES, { timeout: 5 })).rejects.toMatchObject({ code: 'TIMEOUT' });
    expect(sender.accepted).toEqual([10]);
    expect(sender.stats()).toMatchObject({ loansHeld: 0, bytesOut: 0 });
  });

  test('has one time limit for all of it: the wait for memory, and the way out', async () => {
    useFakeClock();
    const sender = new FakeSender();
    sender.change({ room: 0, outcome: 'full' });
    const sending = sender.send(BYTES, { timeout: 1000 });
    vi.advanceTimersByTime(999);
    sender.change({ room: 1 });
    expect(await stateOf(sending)).toBe('pending');
    expect(sender.out).toBe(1);
    vi.advanceTimersByTime(1);
    await expect(sending).rejects.toMatchObject({ code: 'TIMEOUT' });
    expect(sender.stats()).toMatchObject({ messagesSent: 0, loansHeld: 0, bytesOut: 0 });
  });

  test('is not sent when it was given up while it was copied', async () => {
    const long = new Uint8Array(2 ** 20);
    const sender = new FakeSender(0, long.length);
    const controller = new AbortController();
    const sending = sender.send(long, { signal: controller.signal });
    sender.change({});
    controller.abort('why');
    await expect(sending).rejects.toMatchObject({ code: 'ABORTED', cause: 'why' });
    expect(sender.accepted).toEqual([]);
    expect(sender.stats().loansHeld).toBe(0);
  });

  test('refuses what is no bytes, or too many', async () => {
    const sender = new FakeSender();
    await expect(sender.send('x' as never)).rejects.toMatchObject({ argument: 'bytes' });
    await expect(sender.send(new Uint8Array(1001))).rejects.toMatchObject({
      code: 'MESSAGE_TOO_LARGE',
    });
    expect(sender.calls).toEqual([]);
  });
});

describe('the end of a sender', () => {
  test('close waits for what has not left, and is done once', async () => {
    const sender = new FakeSender();
    sender.change({ left: false });
    const [first, second] = [sender.close(), sender.close()];
    expect(sender.closed).toBe(true);
    expect(sender.receivers).toEqual([]);
    expect(await stateOf(first)).toBe('pending');
    expect(sender.calls).toEqual([]);
    sender.change({ left: true });
    await Promise.all([first, second]);
    await sender.close();
    expect(sender.calls).toEqual(['finish']);
  });

  test('while it closes, every operation is CLOSED and every wait is told', async () => {
    const sender = new FakeSender();
    sender.change({ room: 1, left: false });
    const loan = await sender.loan(1);
    const waiting = sender.loan(1);
    const closing = sender.close();
    for (const call of [
      waiting,
      sender.loan(1),
      sender.send(BYTES),
      sender.flush(),
      sender.waitForReceivers(),
      loan.send(),
    ]) {
      await expect(call).rejects.toMatchObject({ code: 'CLOSED' });
    }
    expect(() => sender.tryLoan(1)).toThrow(expect.objectContaining({ code: 'CLOSED' }));
    expect(() => loan.bytes).toThrow(expect.objectContaining({ code: 'CLOSED' }));
    expect(loan.owned).toBe(false);
    loan.release();
    expect(sender.calls).toEqual([]);
    sender.change({ left: true });
    await closing;
  });

  test('a close that is aborted or takes too long destroys the sender, and says so', async () => {
    for (const options of [{ timeout: 5 }, { signal: AbortSignal.abort() }]) {
      const sender = new FakeSender();
      sender.change({ left: false });
      await expect(sender.close(options)).rejects.toMatchObject({
        code: expect.stringMatching(/TIMEOUT|ABORTED/),
      });
      expect(sender.calls).toEqual(['abandon']);
    }
  });

  test('a close with unusable options does nothing', async () => {
    const sender = new FakeSender();
    await expect(sender.close({ timeout: -1 })).rejects.toMatchObject({ argument: 'timeout' });
    await expect(sender.close(null as never)).rejects.toMatchObject({ argument: 'options' });
    expect(sender.closed).toBe(false);
    expect(sender.calls).toEqual([]);
  });

  test('destroy ends a close that waits, and neither fails', async () => {
    const sender = new FakeSender();
    sender.change({ left: false });
    const closing = sender.close();
    await sender.destroy();
    await closing;
    await sender.destroy();
    expect(sender.calls).toEqual(['abandon']);
  });

  test.each(['destroy', 'close'] as const)(
    '%s lets nobody who waits look at what is freed',
    async (end) => {
      const sender = new FakeSender();
      sender.set({ flushed: false, connected: 0 });
      const waits = [sender.flush(), sender.waitForReceivers(1)];
      const outcomes = Promise.allSettled(waits);
      await sender[end]();
      for (const outcome of await outcomes)
        expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'CLOSED' } });
    },
  );

  test('close after destroy does nothing more', async () => {
    const sender = new FakeSender();
    await sender.destroy();
    await sender.close();
    await sender[Symbol.asyncDispose]();
    expect(sender.calls).toEqual(['abandon']);
    expect(sender.stats()).toMatchObject({ loansHeld: 0, bytesOut: 0 });
  });
});

test('who joins and leaves is told to functions alone, and of no other event', () => {
  const sender = new FakeSender();
  for (const tell of [sender.on, sender.off]) {
    const call = (...words: unknown[]) => tell.apply(sender, words as never);
    const refused = (argument: string) => expect.objectContaining({ argument });
    expect(() => call('join', undefined)).toThrow(refused('listener'));
    expect(() => call('come', () => undefined)).toThrow(refused('event'));
  }
});
