import {
  EINTR,
  ENOMEM,
  POLLIN,
  POLLNVAL,
  POLLOUT,
  pollNow,
  waitUntilReady,
} from '@pageferry/linux';
import { describe, expect, test } from 'vitest';
import { fakeCalls } from './fake-calls.js';

describe('a look at what a descriptor is ready for', () => {
  test('does not wait', () => {
    const { calls, made } = fakeCalls({ poll: () => POLLIN });
    expect(pollNow(calls, 7, POLLIN | POLLOUT)).toBe(POLLIN);
    expect(made).toEqual([['poll', 7, POLLIN | POLLOUT, 0]]);
  });

  test('passes on what nobody asked for', () => {
    const { calls } = fakeCalls({ poll: () => POLLNVAL });
    expect(pollNow(calls, 7, POLLIN)).toBe(POLLNVAL);
  });

  test.each([
    ['ENOMEM', ENOMEM],
    ['EINTR', EINTR],
  ])('that fails with %s is an error: its bits are no events', (errnoName, errno) => {
    const { calls } = fakeCalls({ poll: () => -errno });
    const failure = expect.objectContaining({
      code: 'SYSTEM_CALL_FAILED',
      syscall: 'poll',
      errnoName,
    });
    expect(() => pollNow(calls, 7, POLLIN)).toThrow(failure);
  });

  test('that fails ends a wait', async () => {
    const { calls } = fakeCalls({ poll: () => -ENOMEM });
    await expect(waitUntilReady(calls, 7, POLLIN, 0)).rejects.toMatchObject({ syscall: 'poll' });
  });
});
