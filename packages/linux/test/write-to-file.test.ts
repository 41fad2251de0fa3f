import { EBADF, EINVAL, EOPNOTSUPP, O_DIRECT, writeToFileOnThread } from '@pageferry/linux';
import { describe, expect, test } from 'vitest';
import { fakeCalls } from './fake-calls.js';

const BYTES = new Uint8Array(10);
const OTHER_FLAGS = 1;
const EIO = 5;

/** A file of a file system that answers direct writes with `refusal`, and others with `answer`. */
function fileThatRefuses(refusal: number, answer = 10, setFlags = 0) {
  const state = { flags: O_DIRECT | OTHER_FLAGS };
  const { calls, made } = fakeCalls({
    writeOnThread: async () => ((state.flags & O_DIRECT) !== 0 ? refusal : answer),
    getStatusFlags: () => state.flags,
    setStatusFlags: (_fd, flags) => {
      if (setFlags === 0) state.flags = flags;
      return setFlags;
    },
    fstat: () => 0,
    duplicate: () => 7,
    closeAtThreadEnd: () => 0,
    close: () => 0,
  });
  return { state, calls, made };
}

/**
 * A file that takes no direct writes, and threads on which the writes are made one by one: `next` makes
 * the one that was called first.
 */
function fileOnThreads() {
  const state = { flags: O_DIRECT | OTHER_FLAGS };
  const waiting: (() => void)[] = [];
  const { calls } = fakeCalls({
    writeOnThread: (_fd, _bytes, _offset, length) =>
      new Promise((resolve) => {
        waiting.push(() => resolve((state.flags & O_DIRECT) !== 0 ? -EINVAL : length));
      }),
    getStatusFlags: () => state.flags,
    setStatusFlags: (_fd, flags) => {
      state.flags = flags;
      return 0;
    },
    fstat: () => 0,
    duplicate: () => 7,
    closeAtThreadEnd: () => 0,
    close: () => 0,
  });
  const next = async (): Promise<void> => {
    waiting.shift()?.();
    await new Promise(setImmediate);
  };
  return { state, calls, waiting, next };
}

describe('writes through one description that is open for direct I/O', () => {
  test('do not switch it on for each other', async () => {
    const { calls, state, waiting, next } = fileOnThreads();
    const written = Promise.all(
      [3, 4, 3].map((fd) => writeToFileOnThread(calls, fd, BYTES, 0, 10)),
    );
    // All three are refused. Then each that is done switches it on again before the next is made.
    for (const make of waiting.splice(0)) make();
    await new Promise(setImmediate);
    while (waiting.length > 0) await next();
    expect(await written).toEqual([10, 10, 10]);
    expect(state.flags).toBe(O_DIRECT | OTHER_FLAGS);
  });

  test('are made again if another process has switched it on meanwhile', async () => {
    const { calls, state, waiting, next } = fileOnThreads();
    const writing = writeToFileOnThread(calls, 3, BYTES, 0, 10);
    await next();
    state.flags |= O_DIRECT;
    while (waiting.length > 0) await next();
    expect(await writing).toBe(10);
    expect(state.flags).toBe(O_DIRECT | OTHER_FLAGS);
  });

  test('find it off where another process has it so, and leave it alone', async () => {
    const { calls, state, waiting, next } = fileOnThreads();
    const writing = writeToFileOnThread(calls, 3, BYTES, 0, 10);
    waiting.shift()?.();
    state.flags = OTHER_FLAGS;
    await new Promise(setImmediate);
    // It is done, and switches it on, before this one's second write is made.
    state.flags |= O_DIRECT;
    while (waiting.length > 0) await next();
    expect(await writing).toBe(10);
    expect(state.flags).toBe(O_DIRECT | OTHER_FLAGS);
  });

  test('answer what the file system does where the flag cannot be switched off', async () => {
    const { calls, state, waiting, next } = fileOnThreads();
    const stuck = new Proxy(calls, {
      get: (target, name) => (name === 'setStatusFlags' ? () => 0 : Reflect.get(target, name)),
    });
    const writing = writeToFileOnThread(stuck, 3, BYTES, 0, 10);
    while (waiting.length > 0) await next();
    expect(await writing).toBe(-EINVAL);
    expect(state.flags).toBe(O_DIRECT | OTHER_FLAGS);
  });
});

describe('a write to a file that may be open for direct I/O', () => {
  test.each([EINVAL, EOPNOTSUPP])(
    'that the file system refuses with %i goes the ordinary way, and the flags are put back (11.30)',
    async (refusal) => {
      const { calls, state, made } = fileThatRefuses(-refusal);
      expect(await writeToFileOnThread(calls, 3, BYTES, 0, 10)).toBe(10);
      expect(state.flags).toBe(O_DIRECT | OTHER_FLAGS);
      expect(made).toContainEqual(['close', 7]);
    },
  );

  test('that fails the ordinary way too answers so, and the flags are put back (11.30)', async () => {
    const { calls, state, made } = fileThatRefuses(-EINVAL, -EIO);
    expect(await writeToFileOnThread(calls, 3, BYTES, 0, 10)).toBe(-EIO);
    expect(state.flags).toBe(O_DIRECT | OTHER_FLAGS);
    expect(made).toContainEqual(['close', 7]);
  });

  test('whose flags cannot be changed answers what the file system did (11.30)', async () => {
    const { calls, made } = fileThatRefuses(-EINVAL, 10, -EBADF);
    expect(await writeToFileOnThread(calls, 3, BYTES, 0, 10)).toBe(-EINVAL);
    expect(made).toContainEqual(['close', 7]);
  });

  test('is one call where it succeeds, or fails for another reason', async () => {
    for (const answer of [10, -EIO]) {
      const { calls, made } = fileThatRefuses(answer);
      expect(await writeToFileOnThread(calls, 3, BYTES, 0, 10)).toBe(answer);
      expect(made).toHaveLength(1);
    }
  });
});
