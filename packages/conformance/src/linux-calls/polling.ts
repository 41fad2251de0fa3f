import {
  EFAULT,
  EINVAL,
  O_NONBLOCK,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLNVAL,
  POLLOUT,
} from '@pageferry/linux';
import { describe, expect, test } from 'vitest';
import type { SuiteContext } from './registration.js';
import { fill, writeText } from './support/bytes.js';
import { useResources } from './support/resources.js';

/** poll, on one descriptor and on many, and sched_yield. */
export function describePolling({ calls }: SuiteContext): void {
  describe('poll', () => {
    const resources = useResources(calls);

    test('nothing holds for an empty pipe, POLLIN for one with bytes', () => {
      const [readEnd, writeEnd] = resources.pipe();
      expect(calls.poll(readEnd, POLLIN, 0)).toBe(0);
      writeText(calls, writeEnd, 'x');
      expect(calls.poll(readEnd, POLLIN, 0)).toBe(POLLIN);
      expect(calls.poll(readEnd, POLLIN, -1)).toBe(POLLIN);
    });

    test('0 comes back when the time is over', () => {
      const [readEnd] = resources.pipe();
      expect(calls.poll(readEnd, POLLIN, 1)).toBe(0);
    });

    test('POLLOUT holds as long as there is room', () => {
      const [, writeEnd] = resources.pipe(O_NONBLOCK);
      expect(calls.poll(writeEnd, POLLOUT, 0)).toBe(POLLOUT);
      fill(calls, writeEnd);
      expect(calls.poll(writeEnd, POLLOUT, 0)).toBe(0);
    });

    test('POLLHUP tells that the writer is gone, POLLERR that the reader is', () => {
      const [readEnd, writeEnd] = resources.pipe();
      resources.close(writeEnd);
      expect(calls.poll(readEnd, POLLIN, 0)).toBe(POLLHUP);

      const [otherRead, otherWrite] = resources.pipe();
      resources.close(otherRead);
      expect(calls.poll(otherWrite, 0, 0) & POLLERR).toBe(POLLERR);
    });

    test('a thread that yields its processor gets it back', () => {
      expect(calls.schedYield()).toBe(0);
    });

    test('POLLNVAL, which is not an error, tells that the descriptor is closed', () => {
      const [readEnd] = resources.pipe();
      resources.close(readEnd);
      expect(calls.poll(readEnd, POLLIN, 0)).toBe(POLLNVAL);
    });
  });

  describe('pollMany', () => {
    const resources = useResources(calls);

    /** The records for pollMany: pairs of descriptor and events. */
    const records = (...pairs: readonly (readonly [fd: number, events: number])[]): Int32Array =>
      Int32Array.from(pairs.flat());

    /** What pollMany has written: the revents of each record. */
    const revents = (entries: Int32Array): number[] =>
      [...entries].filter((_, index) => index % 2 === 1).map((word) => word >>> 16);

    test('tells how many are ready, and of each which events hold', () => {
      const [firstRead, firstWrite] = resources.pipe();
      const [secondRead, secondWrite] = resources.pipe();
      const entries = records([firstRead, POLLIN], [secondRead, POLLIN], [secondWrite, POLLOUT]);
      expect(calls.pollMany(entries, 3, 0)).toBe(1);
      expect(revents(entries)).toEqual([0, 0, POLLOUT]);

      writeText(calls, firstWrite, 'x');
      expect(calls.pollMany(entries, 3, -1)).toBe(2);
      expect(revents(entries)).toEqual([POLLIN, 0, POLLOUT]);
      expect(entries[0]).toBe(firstRead);
      expect((entries[1] ?? 0) & 0xffff).toBe(POLLIN);
    });

    test('what was ready the last time is not remembered', () => {
      const [readEnd, writeEnd] = resources.pipe();
      writeText(calls, writeEnd, 'x');
      const entries = records([readEnd, POLLIN]);
      expect(calls.pollMany(entries, 1, 0)).toBe(1);
      calls.read(readEnd, new Uint8Array(1), 0, 1);
      expect(calls.pollMany(entries, 1, 0)).toBe(0);
      expect(revents(entries)).toEqual([0]);
    });

    test('0 comes back when the time is over', () => {
      const [readEnd] = resources.pipe();
      expect(calls.pollMany(records([readEnd, POLLIN]), 1, 1)).toBe(0);
      expect(calls.pollMany(new Int32Array(0), 0, 1)).toBe(0);
    });

    test('POLLHUP, POLLERR and POLLNVAL are told unasked', () => {
      const [readEnd, writeEnd] = resources.pipe();
      resources.close(writeEnd);
      const [otherRead, otherWrite] = resources.pipe();
      resources.close(otherRead);
      const entries = records([readEnd, 0], [otherWrite, 0], [otherRead, 0]);
      expect(calls.pollMany(entries, 3, 0)).toBe(3);
      expect(revents(entries)).toEqual([POLLHUP, POLLERR, POLLNVAL]);
    });

    test('a negative descriptor is passed over', () => {
      const [, writeEnd] = resources.pipe();
      const entries = records([-1, POLLOUT], [writeEnd, POLLOUT]);
      expect(calls.pollMany(entries, 2, 0)).toBe(1);
      expect(revents(entries)).toEqual([0, POLLOUT]);
    });

    test('records beyond the count, and around the view, are left alone', () => {
      const [, writeEnd] = resources.pipe();
      const all = records([writeEnd, POLLOUT], [writeEnd, POLLOUT], [writeEnd, POLLOUT]);
      expect(calls.pollMany(all.subarray(2), 1, 0)).toBe(1);
      expect(revents(all)).toEqual([0, POLLOUT, 0]);
    });

    test('a thousand descriptors are looked at in one call', () => {
      const [readEnd, writeEnd] = resources.pipe();
      const entries = Int32Array.from({ length: 2000 }, (_, index) =>
        index % 2 === 0 ? readEnd : POLLIN,
      );
      writeText(calls, writeEnd, 'x');
      expect(calls.pollMany(entries, 1000, 0)).toBe(1000);
    });

    test('a count that the records do not bear out is refused, and nothing is touched', () => {
      const [, writeEnd] = resources.pipe();
      const entries = records([writeEnd, POLLOUT]);
      expect(calls.pollMany(entries, 2, 0)).toBe(-EFAULT);
      expect(calls.pollMany(entries.subarray(1), 1, 0)).toBe(-EFAULT);
      expect(calls.pollMany(entries, 2 ** 31 - 1, 0)).toBe(-EFAULT);
      expect(calls.pollMany(entries, -1, 0)).toBe(-EINVAL);
      expect(revents(entries)).toEqual([0]);
    });
  });
}
