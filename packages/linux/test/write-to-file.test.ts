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
    duplicate: () => 7,
    closeAtThreadEnd: () => 0,
    close: () => 0,
  });
  return { state, calls, made };
}

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
