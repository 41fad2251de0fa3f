import {
  EAGAIN,
  EBADF,
  EFAULT,
  EINVAL,
  ENOSYS,
  EOPNOTSUPP,
  EPIPE,
  ESPIPE,
  O_NONBLOCK,
  RWF_NOWAIT,
  SEEK_CUR,
  SEEK_END,
  SEEK_SET,
} from '@pageferry/linux';
import { describe, expect, test } from 'vitest';
import type { SuiteContext } from './registration.js';
import { OUT_OF_BOUNDS_OF_16, pattern, readBytes, writeText } from './support/bytes.js';
import { useResources } from './support/resources.js';

/** read, write, preadv2 and lseek. */
export function describeInputOutput({ calls }: SuiteContext): void {
  describe('read and write', () => {
    const resources = useResources(calls);

    test('only the named bytes are written', () => {
      const [readEnd, writeEnd] = resources.pipe();
      expect(calls.write(writeEnd, pattern(32), 4, 8)).toBe(8);
      expect(readBytes(calls, readEnd, 64)).toEqual(pattern(32).slice(4, 12));
    });

    test('only the named bytes are read into', () => {
      const [readEnd, writeEnd] = resources.pipe();
      const bytes = new Uint8Array(8).fill(9);
      writeText(calls, writeEnd, 'abcdefgh');
      expect(calls.read(readEnd, bytes, 2, 3)).toBe(3);
      expect([...bytes]).toEqual([9, 9, 97, 98, 99, 9, 9, 9]);
    });

    test('a small view, which the engine may keep on its own heap, works too', () => {
      const [readEnd, writeEnd] = resources.pipe();
      expect(calls.write(writeEnd, Uint8Array.of(1, 2, 3), 0, 3)).toBe(3);
      const bytes = new Uint8Array(3);
      expect(calls.read(readEnd, bytes, 0, 3)).toBe(3);
      expect([...bytes]).toEqual([1, 2, 3]);
    });

    test('a read gets what is there, even if it is less than asked for', () => {
      const [readEnd, writeEnd] = resources.pipe();
      writeText(calls, writeEnd, 'few');
      expect(readBytes(calls, readEnd, 4096)).toHaveLength(3);
    });

    test('an empty pipe answers EAGAIN if it may not block, and 0 once its writer is gone', () => {
      const [readEnd, writeEnd] = resources.pipe(O_NONBLOCK);
      expect(readBytes(calls, readEnd, 16)).toBe(-EAGAIN);
      resources.close(writeEnd);
      expect(readBytes(calls, readEnd, 16)).toEqual(new Uint8Array(0));
    });

    test('a full pipe takes what fits, and then answers EAGAIN', () => {
      const [, writeEnd] = resources.pipe(O_NONBLOCK);
      const size = calls.getPipeSize(writeEnd);
      expect(calls.write(writeEnd, pattern(size + 4096), 0, size + 4096)).toBe(size);
      expect(writeText(calls, writeEnd, 'x')).toBe(-EAGAIN);
    });

    test('a pipe without a reader answers EPIPE, and no signal ends the process', () => {
      const [readEnd, writeEnd] = resources.pipe();
      resources.close(readEnd);
      expect(writeText(calls, writeEnd, 'x')).toBe(-EPIPE);
    });

    test('the wrong end and a closed descriptor answer EBADF', () => {
      const [readEnd, writeEnd] = resources.pipe();
      expect(writeText(calls, readEnd, 'x')).toBe(-EBADF);
      expect(readBytes(calls, writeEnd, 1)).toBe(-EBADF);
      expect(readBytes(calls, -1, 1)).toBe(-EBADF);
    });

    test.each(OUT_OF_BOUNDS_OF_16)(
      'memory outside of the bytes ($offset, $length) answers EFAULT, and nothing is touched',
      ({ offset, length }) => {
        const [readEnd, writeEnd] = resources.pipe(O_NONBLOCK);
        const bytes = new Uint8Array(16);
        expect(calls.write(writeEnd, bytes, offset, length)).toBe(-EFAULT);
        expect(readBytes(calls, readEnd, 64)).toBe(-EAGAIN);

        writeText(calls, writeEnd, 'stays in the pipe');
        expect(calls.read(readEnd, bytes, offset, length)).toBe(-EFAULT);
        expect(bytes).toEqual(new Uint8Array(16));
        expect(readBytes(calls, readEnd, 64)).toHaveLength(17);
      },
    );

    test('the bounds are those of the view, not of the buffer behind it', () => {
      const [, writeEnd] = resources.pipe();
      const view = new Uint8Array(new ArrayBuffer(64), 16, 16);
      expect(calls.write(writeEnd, view, 0, 17)).toBe(-EFAULT);
      expect(calls.write(writeEnd, view, 0, 16)).toBe(16);
    });

    test('bytes that were detached have no room', () => {
      const [readEnd] = resources.pipe(O_NONBLOCK);
      const bytes = new Uint8Array(16);
      structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
      expect(calls.read(readEnd, bytes, 0, 1)).toBe(-EFAULT);
    });
  });

  describe('preadv2', () => {
    const resources = useResources(calls);
    const bytes = new Uint8Array(8);
    const readEventFd = (fd: number): number => calls.preadv2(fd, bytes, 0, 8, RWF_NOWAIT);
    /** What answers where this cannot be had: by Linux before 4.6, and an older C library. */
    const isMissing = calls.preadv2(-1, bytes, 0, 8, 0) === -ENOSYS;

    test.skipIf(isMissing)('reads on from where the file is, as read does', () => {
      const file = resources.memory(0);
      expect(calls.write(file, pattern(32), 0, 32)).toBe(32);
      expect(calls.lseek(file, 4, SEEK_SET)).toBe(4);
      const read = new Uint8Array(16).fill(255);
      expect(calls.preadv2(file, read, 2, 6, 0)).toBe(6);
      expect(read.slice(0, 9)).toEqual(Uint8Array.of(255, 255, ...pattern(32).slice(4, 10), 255));
      expect(calls.preadv2(file, read, 0, 16, 0)).toBe(16);
      expect(read).toEqual(pattern(32).slice(10, 26));
      expect(calls.lseek(file, 0, SEEK_CUR)).toBe(26);
      expect(calls.preadv2(file, read, 0, 16, 0)).toBe(6);
      expect(calls.preadv2(file, read, 0, 16, 0)).toBe(0);
    });

    test('does not wait for an eventfd that blocks, or says that it cannot promise it (5.8)', () => {
      const fd = resources.own(calls.eventfd(0, 0));
      const empty = readEventFd(fd);
      expect([-EAGAIN, -EOPNOTSUPP, -ENOSYS]).toContain(empty);
      expect(calls.write(fd, Uint8Array.of(3, 0, 0, 0, 0, 0, 0, 0), 0, 8)).toBe(8);
      const rung = readEventFd(fd);
      expect(rung).toBe(empty === -EAGAIN ? 8 : empty);
      if (rung === 8) expect(bytes).toEqual(Uint8Array.of(3, 0, 0, 0, 0, 0, 0, 0));
      expect(readEventFd(fd)).toBe(empty);
    });

    test.skipIf(isMissing)('an unknown flag and a closed descriptor are refused', () => {
      const [readEnd, writeEnd] = resources.pipe();
      writeText(calls, writeEnd, 'x');
      expect(calls.preadv2(readEnd, bytes, 0, 8, 1 << 30)).toBe(-EOPNOTSUPP);
      expect(calls.preadv2(-1, bytes, 0, 8, 0)).toBe(-EBADF);
    });

    test.each(OUT_OF_BOUNDS_OF_16)(
      'memory outside of the bytes ($offset, $length) answers EFAULT, and nothing is touched',
      ({ offset, length }) => {
        const [readEnd, writeEnd] = resources.pipe();
        writeText(calls, writeEnd, 'stays in the pipe');
        const target = new Uint8Array(16);
        expect(calls.preadv2(readEnd, target, offset, length, 0)).toBe(-EFAULT);
        expect(target).toEqual(new Uint8Array(16));
        expect(readBytes(calls, readEnd, 64)).toHaveLength(17);
      },
    );
  });

  describe('lseek', () => {
    const resources = useResources(calls);

    test('positions count from the start, the present position and the end', () => {
      const file = resources.memory(100);
      expect(calls.lseek(file, 10, SEEK_SET)).toBe(10);
      expect(calls.lseek(file, 5, SEEK_CUR)).toBe(15);
      expect(calls.lseek(file, -1, SEEK_END)).toBe(99);
    });

    test('a pipe has no position', () => {
      const [readEnd] = resources.pipe();
      expect(calls.lseek(readEnd, 0, SEEK_SET)).toBe(-ESPIPE);
    });

    test('a position before the start and an unknown whence answer EINVAL', () => {
      const file = resources.memory(100);
      expect(calls.lseek(file, -1, SEEK_SET)).toBe(-EINVAL);
      expect(calls.lseek(file, 0, 99)).toBe(-EINVAL);
    });
  });
}
