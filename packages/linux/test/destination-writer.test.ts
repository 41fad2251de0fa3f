import { LoopBudget } from '@pageferry/core';
import {
  DestinationWriter,
  destinationOf,
  EAGAIN,
  MSG_DONTWAIT,
  O_NONBLOCK,
  PIPE_BUF,
  POLLOUT,
  S_IFIFO,
  S_IFREG,
  S_IFSOCK,
  STAT_FIELD,
} from '@pageferry/linux';
import { describe, expect, test } from 'vitest';
import { fakeCalls } from './fake-calls.js';

const FD = 7;
const MIB = 1024 * 1024;

/** A descriptor of this kind, that takes `takes` bytes at a time: 0 means that it has no room. */
function descriptor(type: number, flags: number, takes: (length: number) => number) {
  const answer = (length: number): number => takes(length) || -EAGAIN;
  const { calls, made } = fakeCalls({
    fstat: (_fd, fields) => {
      fields[STAT_FIELD.mode] = BigInt(type | 0o600);
      return 0;
    },
    getStatusFlags: () => flags,
    poll: () => POLLOUT,
    write: (_fd, _bytes, _offset, length) => answer(length),
    sendmsg: (_fd, _bytes, _offset, length) => answer(length),
    writeOnThread: async (_fd, _bytes, _offset, length) => answer(length),
  });
  const budget = new LoopBudget(1e9);
  const settings = { calls, budget, spinMicroseconds: 0 };
  return { made, writer: new DestinationWriter(settings, destinationOf(calls, FD)) };
}

const { signal } = new AbortController();

describe('bytes for a destination', () => {
  test.each([
    ['a file', S_IFREG, 0, ['writeOnThread'], MIB],
    ['a socket', S_IFSOCK, 0, ['sendmsg'], MIB],
    ['a non-blocking pipe', S_IFIFO, O_NONBLOCK, ['write'], MIB],
    ['a blocking pipe', S_IFIFO, 0, ['poll', 'write'], PIPE_BUF],
  ] as const)('go to %s the way that cannot block', async (_, type, flags, ways, most) => {
    const { made, writer } = descriptor(type, flags, (length) => length);
    expect(await writer.write(new Uint8Array(2 * MIB), 10, MIB + 10, signal)).toBe(most);
    const names = made.map(([name]) => name).filter((name) => !/fstat|getStatus/.test(name));
    expect(names).toEqual(ways);
    const sent = made.find(([name]) => name === 'sendmsg');
    if (type === S_IFSOCK) expect(sent?.at(-1)).toBe(MSG_DONTWAIT);
  });

  test('wait for room and are written then', async () => {
    let full = 2;
    const { made, writer } = descriptor(S_IFIFO, O_NONBLOCK, (length) => (full-- > 0 ? 0 : length));
    expect(await writer.write(new Uint8Array(100), 0, 100, signal)).toBe(100);
    expect(made.filter(([name]) => name === 'write')).toHaveLength(3);
    expect(made.filter(([name]) => name === 'poll')).toHaveLength(2);
  });

  test('that a program has detached are not written', async () => {
    const { made, writer } = descriptor(S_IFSOCK, 0, (length) => length);
    const bytes = new Uint8Array(100);
    structuredClone(bytes, { transfer: [bytes.buffer] });
    expect(await writer.write(bytes, 0, 100, signal)).toBe(0);
    expect(made.some(([name]) => name === 'sendmsg')).toBe(false);
  });

  test('are not written once their signal has fired', async () => {
    const { made, writer } = descriptor(S_IFREG, 0, (length) => length);
    const reason = new Error('enough');
    const writing = writer.write(new Uint8Array(1), 0, 1, AbortSignal.abort(reason));
    await expect(writing).rejects.toBe(reason);
    expect(made.some(([name]) => name === 'writeOnThread')).toBe(false);
  });

  test('whose descriptor is not open are refused', () => {
    const { calls } = fakeCalls({ fstat: () => -9 });
    expect(() => destinationOf(calls, FD)).toThrow(/EBADF/);
  });
});
