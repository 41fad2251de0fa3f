import { closeSync, openSync } from 'node:fs';
import {
  EAGAIN,
  EBADF,
  EINVAL,
  EPIPE,
  O_NONBLOCK,
  SEEK_SET,
  SOCK_STREAM,
  SPLICE_F_NONBLOCK,
} from '@pageferry/linux';
import { describe, expect, test } from 'vitest';
import type { SuiteContext } from './registration.js';
import { pattern, readBytes, writeText } from './support/bytes.js';
import { useResources } from './support/resources.js';

/** splice between a pipe and other descriptors. */
export function describeSplicing({ calls }: SuiteContext): void {
  const page = calls.pageSize();

  describe('splice', () => {
    const resources = useResources(calls);

    test('bytes move from one pipe to another', () => {
      const [firstRead, firstWrite] = resources.pipe(O_NONBLOCK);
      const [secondRead, secondWrite] = resources.pipe();
      writeText(calls, firstWrite, 'onward');
      expect(calls.splice(firstRead, secondWrite, 64, 0)).toBe(6);
      expect(readBytes(calls, secondRead, 64)).toEqual(new Uint8Array(Buffer.from('onward')));
      expect(readBytes(calls, firstRead, 64)).toBe(-EAGAIN);
    });

    test('no more than asked for moves', () => {
      const [firstRead, firstWrite] = resources.pipe();
      const [, secondWrite] = resources.pipe();
      writeText(calls, firstWrite, 'onward');
      expect(calls.splice(firstRead, secondWrite, 2, 0)).toBe(2);
      expect(readBytes(calls, firstRead, 64)).toEqual(new Uint8Array(Buffer.from('ward')));
    });

    test('a file gets the bytes at its position', () => {
      const [readEnd, writeEnd] = resources.pipe();
      const file = resources.memory(page * 2);
      expect(calls.lseek(file, 10, SEEK_SET)).toBe(10);
      calls.write(writeEnd, pattern(page), 0, page);
      expect(calls.splice(readEnd, file, page, 0)).toBe(page);
      calls.lseek(file, 10, SEEK_SET);
      expect(readBytes(calls, file, page)).toEqual(pattern(page));
    });

    test('a pipe gets the bytes of a file, and 0 at its end', () => {
      const [readEnd, writeEnd] = resources.pipe();
      const file = resources.memory(0);
      writeText(calls, file, 'from a file');
      calls.lseek(file, 5, SEEK_SET);
      expect(calls.splice(file, writeEnd, 64, 0)).toBe(6);
      expect(readBytes(calls, readEnd, 64)).toEqual(new Uint8Array(Buffer.from('a file')));
      expect(calls.splice(file, writeEnd, 64, 0)).toBe(0);
    });

    test('a socket gets the bytes', () => {
      const [readEnd, writeEnd] = resources.pipe();
      const [near, far] = resources.socketPair(SOCK_STREAM);
      writeText(calls, writeEnd, 'by socket');
      expect(calls.splice(readEnd, near, 64, 0)).toBe(9);
      expect(readBytes(calls, far, 64)).toEqual(new Uint8Array(Buffer.from('by socket')));
    });

    test('/dev/null takes everything', () => {
      const [readEnd, writeEnd] = resources.pipe();
      const nowhere = openSync('/dev/null', 'w');
      try {
        calls.write(writeEnd, pattern(page), 0, page);
        expect(calls.splice(readEnd, nowhere, page, 0)).toBe(page);
      } finally {
        closeSync(nowhere);
      }
    });

    test('an empty pipe answers EAGAIN if it may not block, and 0 once its writer is gone', () => {
      const [firstRead, firstWrite] = resources.pipe();
      const [, secondWrite] = resources.pipe();
      expect(calls.splice(firstRead, secondWrite, 64, SPLICE_F_NONBLOCK)).toBe(-EAGAIN);
      resources.close(firstWrite);
      expect(calls.splice(firstRead, secondWrite, 64, 0)).toBe(0);
    });

    test('a pipe without a reader answers EPIPE', () => {
      const [firstRead, firstWrite] = resources.pipe();
      const [secondRead, secondWrite] = resources.pipe();
      writeText(calls, firstWrite, 'nobody there');
      resources.close(secondRead);
      expect(calls.splice(firstRead, secondWrite, 64, 0)).toBe(-EPIPE);
    });

    test('two files answer EINVAL, a closed descriptor EBADF', () => {
      const [, writeEnd] = resources.pipe();
      expect(calls.splice(resources.memory(page), resources.memory(page), 64, 0)).toBe(-EINVAL);
      expect(calls.splice(-1, writeEnd, 64, 0)).toBe(-EBADF);
    });

    test('moving nothing is no error, moving less than nothing is', () => {
      const [firstRead] = resources.pipe();
      const [, secondWrite] = resources.pipe();
      expect(calls.splice(firstRead, secondWrite, 0, 0)).toBe(0);
      expect(calls.splice(firstRead, secondWrite, -1, 0)).toBe(-EINVAL);
    });
  });
}
