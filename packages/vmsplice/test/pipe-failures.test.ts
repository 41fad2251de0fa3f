import { once } from 'node:events';
import { createPipe, ENOMEM, EPERM, type LinuxCalls } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { expectNothingLeft } from '@pageferry/testkit';
import { createPipePrograms } from '@pageferry/vmsplice';
import { describe, expect, test } from 'vitest';
import { callsWith, pattern } from './support/pair.js';

const real = loadLinuxCalls();
const LIMIT = { timeout: 10_000 };
const KIB = 1024;
/** More than any pipe takes. */
const LARGE = 3_000_000;

const COPYING: Partial<LinuxCalls> = { vmsplice: () => -EPERM };

const addressOf = ({ buffer, byteOffset }: Uint8Array): bigint =>
  real.addressOf(buffer as ArrayBuffer) + BigInt(byteOffset);

/** System calls of which the one called `name` fails while `state.failure` is set, or from `state.after` calls on. */
function fragile(
  name: 'vmsplice' | 'write' | 'poll' | 'read' | 'watch',
  others: Partial<LinuxCalls> = {},
) {
  const call = real[name] as (...words: unknown[]) => unknown;
  const state = { failure: 0, after: 0 };
  const calls = callsWith({
    ...others,
    [name]: (...words: unknown[]) =>
      state.failure !== 0 && state.after-- <= 0 ? state.failure : call(...words),
  });
  return { state, ...createPipePrograms(() => calls) };
}

/** Reads all that is in a pipe. */
function drained(fd: number): Buffer {
  const bytes = Buffer.alloc(LARGE);
  let length = 0;
  for (let count = 1; count > 0; length += Math.max(count, 0)) {
    count = real.poll(fd, 1, 0) > 0 ? real.read(fd, bytes, length, bytes.length - length) : 0;
  }
  return bytes.subarray(0, length);
}

describe.each([
  ['vmsplice', {}],
  ['write', COPYING],
] as const)('a writer whose %s fails', (name, others) => {
  expectNothingLeft();

  test('before anything went in leaves the loan with its owner, and goes on', async () => {
    const { state, openPipeWriter, openPipe } = fragile(name, others);
    const { readEnd, writeEnd } = openPipe();
    const writer = await openPipeWriter({ pipe: writeEnd });
    const loan = await writer.loan(4 * KIB);
    loan.bytes.set(pattern(4 * KIB, 1));
    state.failure = -ENOMEM;
    const failed = { code: 'SYSTEM_CALL_FAILED', syscall: name, errnoName: 'ENOMEM' };
    await expect(loan.send(LIMIT)).rejects.toMatchObject(failed);
    expect(() => loan.trySend()).toThrow(expect.objectContaining(failed));
    expect(loan.owned).toBe(true);
    state.failure = 0;
    expect(await loan.send(LIMIT)).toBe('sent');
    await writer.flush(LIMIT);
    await writer.close();
    writeEnd.close();
    expect(drained(readEnd.fd).equals(pattern(4 * KIB, 1))).toBe(true);
    readEnd.close();
  });

  test.each(['waits', 'does not wait'])(
    'in the middle says how much went in, and writes nothing behind the hole (who writes %s)',
    async (who) => {
      const { state, openPipeWriter, openPipe } = fragile(name, others);
      const { readEnd, writeEnd } = openPipe();
      const writer = await openPipeWriter({ pipe: writeEnd, poolBytes: 16_000_000 });
      const bytes = pattern(LARGE, 2);
      const loan = await writer.loan(LARGE);
      loan.bytes.set(bytes);
      const address = addressOf(loan.bytes);
      const sending = who === 'waits' ? loan.send(LIMIT) : undefined;
      if (sending === undefined) expect(loan.trySend()).toBe('sent');
      sending?.catch(() => undefined);
      for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
      expect(loan.owned).toBe(false);
      state.failure = -ENOMEM;
      const arrived = drained(readEnd.fd);
      const failed = {
        code: 'SYSTEM_CALL_FAILED',
        syscall: name,
        errnoName: 'ENOMEM',
        bytesTransferred: arrived.length,
      };
      if (sending !== undefined) await expect(sending).rejects.toMatchObject(failed);
      await expect(writer.flush(LIMIT)).rejects.toMatchObject(failed);
      state.failure = 0;
      const next = await writer.loan(LARGE, LIMIT);
      await expect(next.send(LIMIT)).rejects.toMatchObject(failed);
      await expect(writer.write(bytes, LIMIT)).rejects.toMatchObject(failed);
      expect(next.owned).toBe(true);
      // The pages that went in are replaced before their addresses are lent again.
      if (addressOf(next.bytes) === address) next.bytes.fill(255);
      expect(arrived.equals(bytes.subarray(0, arrived.length))).toBe(true);
      expect(writer.stats().bytesWritten).toBe(arrived.length);
      next.release();
      expect(writer.stats()).toMatchObject({ loansHeld: 0, bytesOut: 0 });
      await writer.close();
      for (const end of [readEnd, writeEnd]) end.close();
    },
  );
});

describe('a look that fails', () => {
  expectNothingLeft();

  test('is not taken for a program that has gone', async () => {
    const { state, openPipeWriter, openPipe } = fragile('poll', COPYING);
    const { readEnd, writeEnd } = openPipe();
    const writer = await openPipeWriter({ pipe: writeEnd });
    const loan = await writer.loan(10);
    state.failure = -ENOMEM;
    await expect(loan.send()).rejects.toMatchObject({ syscall: 'poll', errnoName: 'ENOMEM' });
    state.failure = 0;
    expect(loan.owned).toBe(true);
    expect(await loan.send()).toBe('sent');
    await writer.destroy();
    for (const end of [readEnd, writeEnd]) end.close();
  });

  test('is followed by no read: the pipe may block', async () => {
    let fails = true;
    const calls = callsWith({});
    const { poll, read } = calls;
    calls.poll = (...words) => (fails ? -ENOMEM : poll(...words));
    calls.read = (...words) => (fails ? -EPERM : read(...words));
    const { openPipeReader, openPipe } = createPipePrograms(() => calls);
    const { readEnd, writeEnd } = openPipe();
    const reader = await openPipeReader({ pipe: readEnd, maxBorrowedBytes: 1 });
    expect(() => reader.tryRead()).toThrow(expect.objectContaining({ syscall: 'poll' }));
    fails = false;
    expect(reader.tryRead()).toBeUndefined();
    real.write(writeEnd.fd, Buffer.from('after all'), 0, 9);
    expect(reader.tryRead()?.copy().toString()).toBe('after all');
    await reader.close();
    for (const end of [readEnd, writeEnd]) end.close();
  });
});

describe('a read that fails', () => {
  expectNothingLeft();

  test('is an error of that call, and no byte is lost', async () => {
    const { state, openPipeReader, openPipe } = fragile('read');
    const { readEnd, writeEnd } = openPipe();
    const reader = await openPipeReader({ pipe: readEnd, maxBorrowedBytes: 1 });
    const other = createPipe(real);
    real.write(writeEnd.fd, Buffer.from('here'), 0, 4);
    state.failure = -ENOMEM;
    const failed = { code: 'SYSTEM_CALL_FAILED', syscall: 'read', errnoName: 'ENOMEM' };
    await expect(reader.read(LIMIT)).rejects.toMatchObject(failed);
    state.failure = 0;
    using chunk = await reader.read(LIMIT);
    expect(chunk?.copy().toString()).toBe('here');
    await reader.close();
    for (const end of [readEnd, writeEnd, other.readEnd, other.writeEnd]) end.close();
  });
});

describe('where splice is refused', () => {
  expectNothingLeft();

  test('bytes go on through a buffer, to a second pipe too', async () => {
    const calls = callsWith({ splice: () => -EPERM, tee: () => -EPERM });
    const { openPipeReader, openPipe } = createPipePrograms(() => calls);
    const pipes = [openPipe(), openPipe(), openPipe()] as const;
    const [from, to, second] = pipes;
    const reader = await openPipeReader({ pipe: from.readEnd });
    const bytes = pattern(60_000, 3);
    real.write(from.writeEnd.fd, bytes, 0, bytes.length);
    const moved = await reader.spliceTo(to.writeEnd, { tee: second.writeEnd, ...LIMIT });
    expect(moved).toEqual({ byteLength: 60_000, method: 'read-write', userSpaceCopies: 2 });
    for (const { readEnd } of [to, second]) expect(drained(readEnd.fd).equals(bytes)).toBe(true);
    await reader.close();
    for (const end of pipes.flatMap(({ readEnd, writeEnd }) => [readEnd, writeEnd])) end.close();
  });
});

describe('a wait that is in vain', () => {
  expectNothingLeft();

  test('is told in a warning: a read while this program holds all it may', async () => {
    const { openPipeReader, openPipe } = createPipePrograms(() => real);
    const { readEnd, writeEnd } = openPipe();
    const reader = await openPipeReader({ pipe: readEnd, maxBorrowedBytes: 1 });
    real.write(writeEnd.fd, Buffer.from('first'), 0, 5);
    const held = await reader.read(LIMIT);
    const warned = once(process, 'warning');
    const waiting = reader.read(LIMIT);
    expect((await warned)[0]).toMatchObject({ code: 'PAGEFERRY_DELIVERIES_HELD' });
    held?.release();
    writeEnd.close();
    expect(await waiting).toBeUndefined();
    await reader.close();
    readEnd.close();
  });

  test('is told in a warning: a loan while this program has all memory in loans', async () => {
    const { openPipeWriter, openPipe } = createPipePrograms(() => real);
    const { readEnd, writeEnd } = openPipe();
    const writer = await openPipeWriter({ pipe: writeEnd, poolBytes: 1 });
    const held = await writer.loan(1, LIMIT);
    const warned = once(process, 'warning');
    const waiting = writer.loan(1, LIMIT);
    expect((await warned)[0]).toMatchObject({ code: 'PAGEFERRY_LOANS_HELD' });
    held.release();
    (await waiting).release();
    await writer.close();
    for (const end of [readEnd, writeEnd]) end.close();
  });
});
