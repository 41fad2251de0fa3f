import {
  EAGAIN,
  EBADF,
  EBUSY,
  EFAULT,
  EINVAL,
  EPIPE,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  O_NONBLOCK,
  SPLICE_F_NONBLOCK,
} from '@pageferry/linux';
import { describe, expect, test } from 'vitest';
import type { SuiteContext } from './registration.js';
import { OUT_OF_BOUNDS_OF_16, pattern, readBytes, writeText } from './support/bytes.js';
import { isCloseOnExec, openDescriptors } from './support/process-state.js';
import { useResources } from './support/resources.js';

/** pipe2, vmsplice, tee and the size of a pipe. */
export function describePipes({ calls }: SuiteContext): void {
  const page = calls.pageSize();
  const anonymous = MAP_PRIVATE | MAP_ANONYMOUS;

  describe('pipes', () => {
    const resources = useResources(calls);

    test('what is written to the write end comes out of the read end', () => {
      const [readEnd, writeEnd] = resources.pipe();
      expect(writeText(calls, writeEnd, 'over the water')).toBe(14);
      expect(readBytes(calls, readEnd, 64)).toEqual(new Uint8Array(Buffer.from('over the water')));
    });

    test('both ends are close-on-exec, asked for or not', () => {
      for (const fd of resources.pipe(0)) expect(isCloseOnExec(fd)).toBe(true);
    });

    test('both ends are non-blocking if asked for, and blocking if not', () => {
      for (const fd of resources.pipe(O_NONBLOCK)) {
        expect(calls.getStatusFlags(fd) & O_NONBLOCK).toBe(O_NONBLOCK);
      }
      for (const fd of resources.pipe()) expect(calls.getStatusFlags(fd) & O_NONBLOCK).toBe(0);
    });

    test('pipe2 answers EINVAL to a flag that it does not have', () => {
      expect(calls.pipe2(new Int32Array(2), 1)).toBe(-EINVAL);
    });

    test('pipe2 answers EFAULT to an array without room for both ends, and opens nothing', () => {
      const before = openDescriptors();
      expect(calls.pipe2(new Int32Array(1), 0)).toBe(-EFAULT);
      expect(openDescriptors()).toEqual(before);
    });

    test('a pipe tells its size', () => {
      const [readEnd, writeEnd] = resources.pipe();
      const size = calls.getPipeSize(readEnd);
      expect(size).toBeGreaterThanOrEqual(page);
      expect(calls.getPipeSize(writeEnd)).toBe(size);
    });

    test('a pipe takes a size, rounded up to a power of two pages', () => {
      const [readEnd] = resources.pipe();
      expect(calls.setPipeSize(readEnd, page * 4)).toBe(page * 4);
      expect(calls.setPipeSize(readEnd, page * 4 + 1)).toBe(page * 8);
      expect(calls.getPipeSize(readEnd)).toBe(page * 8);
    });

    test('a pipe does not shrink below what is in it', () => {
      const [, writeEnd] = resources.pipe(O_NONBLOCK);
      expect(calls.write(writeEnd, pattern(page * 2), 0, page * 2)).toBe(page * 2);
      expect(calls.setPipeSize(writeEnd, page)).toBe(-EBUSY);
    });

    test('a size that no integer of 32 bits can hold is refused, not wrapped around', () => {
      const [readEnd] = resources.pipe();
      const before = calls.getPipeSize(readEnd);
      expect(calls.setPipeSize(readEnd, 2 ** 32 + page)).toBe(-EINVAL);
      expect(calls.setPipeSize(readEnd, -1)).toBe(-EINVAL);
      expect(calls.getPipeSize(readEnd)).toBe(before);
    });

    test('what is not a pipe has no pipe size', () => {
      const memory = resources.memory(page);
      expect(calls.getPipeSize(memory)).toBe(-EBADF);
      expect(calls.setPipeSize(memory, page)).toBe(-EBADF);
    });
  });

  describe('vmsplice', () => {
    const resources = useResources(calls);

    test('a pipe carries the bytes that were vmspliced', () => {
      const [readEnd, writeEnd] = resources.pipe();
      const memory = new Uint8Array(resources.map(page * 2, -1, 3, anonymous));
      memory.set(pattern(page * 2));
      expect(calls.vmsplice(writeEnd, memory, 100, page, 0)).toBe(page);
      expect(readBytes(calls, readEnd, page * 2)).toEqual(memory.slice(100, 100 + page));
    });

    test('a reader sees what was written to the page after vmsplice', () => {
      const [readEnd, writeEnd] = resources.pipe();
      const memory = new Uint8Array(resources.map(page, -1, 3, anonymous)).fill(1);
      expect(calls.vmsplice(writeEnd, memory, 0, page, 0)).toBe(page);
      memory.fill(2);
      expect(readBytes(calls, readEnd, page)).toEqual(new Uint8Array(page).fill(2));
    });

    test('the pages in a pipe outlive their mapping', () => {
      const [readEnd, writeEnd] = resources.pipe();
      const buffer = resources.map(page, -1, 3, anonymous);
      new Uint8Array(buffer).set(pattern(page, 5));
      expect(calls.vmsplice(writeEnd, new Uint8Array(buffer), 0, page, 0)).toBe(page);
      expect(calls.munmap(buffer)).toBe(0);
      expect(readBytes(calls, readEnd, page)).toEqual(pattern(page, 5));
    });

    test('a view into the middle of a buffer starts at its own first byte', () => {
      const [readEnd, writeEnd] = resources.pipe();
      const memory = new Uint8Array(resources.map(page, -1, 3, anonymous));
      memory.set(pattern(page));
      expect(calls.vmsplice(writeEnd, memory.subarray(64, 128), 8, 16, 0)).toBe(16);
      expect(readBytes(calls, readEnd, page)).toEqual(memory.slice(72, 88));
    });

    test('a pipe with less room than asked for takes what fits, and then answers EAGAIN', () => {
      const [, writeEnd] = resources.pipe(O_NONBLOCK);
      const size = calls.setPipeSize(writeEnd, page * 4);
      const memory = new Uint8Array(resources.map(page * 8, -1, 3, anonymous));
      expect(calls.vmsplice(writeEnd, memory, 0, page * 8, SPLICE_F_NONBLOCK)).toBe(size);
      expect(calls.vmsplice(writeEnd, memory, 0, page, SPLICE_F_NONBLOCK)).toBe(-EAGAIN);
    });

    test('a pipe without a reader answers EPIPE, and no signal ends the process', () => {
      const [readEnd, writeEnd] = resources.pipe();
      resources.close(readEnd);
      expect(calls.vmsplice(writeEnd, new Uint8Array(16), 0, 16, 0)).toBe(-EPIPE);
    });

    test('what is not a pipe answers EBADF', () => {
      expect(calls.vmsplice(resources.memory(page), new Uint8Array(16), 0, 16, 0)).toBe(-EBADF);
      expect(calls.vmsplice(-1, new Uint8Array(16), 0, 16, 0)).toBe(-EBADF);
    });

    test.each(OUT_OF_BOUNDS_OF_16)(
      'memory outside of the bytes ($offset, $length) answers EFAULT, and the pipe stays empty',
      ({ offset, length }) => {
        const [readEnd, writeEnd] = resources.pipe(O_NONBLOCK);
        expect(calls.vmsplice(writeEnd, new Uint8Array(16), offset, length, 0)).toBe(-EFAULT);
        expect(readBytes(calls, readEnd, 64)).toBe(-EAGAIN);
      },
    );
  });

  describe('tee', () => {
    const resources = useResources(calls);

    test('the bytes are in both pipes afterwards', () => {
      const [sourceRead, sourceWrite] = resources.pipe();
      const [copyRead, copyWrite] = resources.pipe();
      writeText(calls, sourceWrite, 'twice');
      expect(calls.tee(sourceRead, copyWrite, 64, 0)).toBe(5);
      expect(readBytes(calls, copyRead, 64)).toEqual(new Uint8Array(Buffer.from('twice')));
      expect(readBytes(calls, sourceRead, 64)).toEqual(new Uint8Array(Buffer.from('twice')));
    });

    test('no more than asked for is duplicated', () => {
      const [sourceRead, sourceWrite] = resources.pipe();
      const [copyRead, copyWrite] = resources.pipe();
      writeText(calls, sourceWrite, 'twice');
      expect(calls.tee(sourceRead, copyWrite, 2, 0)).toBe(2);
      expect(readBytes(calls, copyRead, 64)).toEqual(new Uint8Array(Buffer.from('tw')));
    });

    test('an empty pipe answers EAGAIN if it may not block, and 0 once its writer is gone', () => {
      const [sourceRead, sourceWrite] = resources.pipe();
      const [, copyWrite] = resources.pipe();
      expect(calls.tee(sourceRead, copyWrite, 64, SPLICE_F_NONBLOCK)).toBe(-EAGAIN);
      resources.close(sourceWrite);
      expect(calls.tee(sourceRead, copyWrite, 64, 0)).toBe(0);
    });

    test('a pipe cannot be duplicated into itself, and nothing but a pipe at all', () => {
      const [readEnd, writeEnd] = resources.pipe();
      expect(calls.tee(readEnd, writeEnd, 64, 0)).toBe(-EINVAL);
      expect(calls.tee(resources.memory(page), writeEnd, 64, 0)).toBe(-EINVAL);
    });
  });
}
