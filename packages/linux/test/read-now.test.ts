import {
  EAGAIN,
  EBADF,
  ENOMEM,
  ENOSYS,
  EOPNOTSUPP,
  EPERM,
  POLLHUP,
  POLLIN,
  RWF_NOWAIT,
  readNow,
} from '@pageferry/linux';
import { describe, expect, test } from 'vitest';
import { fakeCalls } from './fake-calls.js';

const bytes = new Uint8Array(8);
const MISSING = [
  ['EOPNOTSUPP', EOPNOTSUPP],
  ['ENOSYS', ENOSYS],
  ['EPERM', EPERM],
] as const;

describe('a read that does not wait', () => {
  test.each([8, 0, -EAGAIN, -EBADF])('is one call, whatever that answers (%i)', (answer) => {
    const { calls, made } = fakeCalls({ preadv2: () => answer });
    expect(readNow(calls, 7, bytes, 2, 6)).toBe(answer);
    expect(made).toEqual([['preadv2', 7, bytes, 2, 6, RWF_NOWAIT]]);
  });

  test.each(MISSING)('looks first where there is no such call (%s)', (_, errno) => {
    const { calls, made } = fakeCalls({ preadv2: () => -errno, poll: () => POLLIN, read: () => 5 });
    expect(readNow(calls, 7, bytes, 2, 6)).toBe(5);
    expect(made.slice(1)).toEqual([
      ['poll', 7, POLLIN, 0],
      ['read', 7, bytes, 2, 6],
    ]);
  });

  test.each(MISSING)('then reads nothing where nothing is (%s)', (_, errno) => {
    const { calls } = fakeCalls({ preadv2: () => -errno, poll: () => 0 });
    expect(readNow(calls, 7, bytes, 0, 8)).toBe(-EAGAIN);
  });

  test('then reads the end of the input, too', () => {
    const { calls } = fakeCalls({ preadv2: () => -ENOSYS, poll: () => POLLHUP, read: () => 0 });
    expect(readNow(calls, 7, bytes, 0, 8)).toBe(0);
  });

  test('says so if the look fails', () => {
    const { calls } = fakeCalls({ preadv2: () => -ENOSYS, poll: () => -ENOMEM });
    expect(() => readNow(calls, 7, bytes, 0, 8)).toThrow(
      expect.objectContaining({ code: 'SYSTEM_CALL_FAILED', syscall: 'poll' }),
    );
  });
});
