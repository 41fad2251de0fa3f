import { fstatSync, readlinkSync } from 'node:fs';
import {
  EBADF,
  EBUSY,
  EINVAL,
  EPERM,
  F_SEAL_EXEC,
  F_SEAL_FUTURE_WRITE,
  F_SEAL_GROW,
  F_SEAL_SEAL,
  F_SEAL_SHRINK,
  F_SEAL_WRITE,
  MFD_ALLOW_SEALING,
  MFD_NOEXEC_SEAL,
  SEEK_END,
  SEEK_SET,
} from '@pageferry/linux';
import { describe, expect, test } from 'vitest';
import type { SuiteContext } from './registration.js';
import { readBytes, writeText } from './support/bytes.js';
import { NAME_PREFIX } from './support/names.js';
import { isCloseOnExec } from './support/process-state.js';
import { useResources } from './support/resources.js';

const FALLOC_FL_KEEP_SIZE = 1;

/** memfd_create, its size and its seals. */
export function describeMemoryFiles({ calls }: SuiteContext): void {
  const page = calls.pageSize();

  describe('memory files', () => {
    const resources = useResources(calls);

    test('a memfd is empty, close-on-exec and shows its name in /proc', () => {
      const fd = resources.own(calls.memfdCreate(`${NAME_PREFIX}-ünïcode`, 0));
      expect(readlinkSync(`/proc/self/fd/${fd}`)).toContain(`memfd:${NAME_PREFIX}-ünïcode`);
      expect(isCloseOnExec(fd)).toBe(true);
      expect(fstatSync(fd).size).toBe(0);
    });

    test('a name of 249 bytes is taken, a longer one and an unknown flag answer EINVAL', () => {
      resources.own(calls.memfdCreate('n'.repeat(249), 0));
      expect(calls.memfdCreate('n'.repeat(250), 0)).toBe(-EINVAL);
      expect(calls.memfdCreate('n'.repeat(100_000), 0)).toBe(-EINVAL);
      expect(calls.memfdCreate('flags', 0x4000_0000)).toBe(-EINVAL);
    });

    test('ftruncate sets the size both ways, and what is new is zero', () => {
      const fd = resources.memory(0);
      writeText(calls, fd, 'abc');
      expect(calls.ftruncate(fd, 1)).toBe(0);
      expect(calls.ftruncate(fd, 3)).toBe(0);
      calls.lseek(fd, 0, SEEK_SET);
      expect(readBytes(calls, fd, 16)).toEqual(Uint8Array.of(97, 0, 0));
    });

    test('fallocate takes memory now', () => {
      const fd = resources.memory(page * 4);
      expect(fstatSync(fd).blocks).toBe(0);
      expect(calls.fallocate(fd, 0, 0, page * 4)).toBe(0);
      expect(fstatSync(fd).blocks * 512).toBeGreaterThanOrEqual(page * 4);
    });

    test('fallocate grows a file, unless it is told to keep the size', () => {
      const fd = resources.memory(0);
      expect(calls.fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, page)).toBe(0);
      expect(fstatSync(fd).size).toBe(0);
      expect(calls.fallocate(fd, 0, page, page)).toBe(0);
      expect(fstatSync(fd).size).toBe(page * 2);
    });

    test('sizes below zero and of nothing answer EINVAL, closed files EBADF', () => {
      const fd = resources.memory(0);
      expect(calls.ftruncate(fd, -1)).toBe(-EINVAL);
      expect(calls.fallocate(fd, 0, 0, 0)).toBe(-EINVAL);
      expect(calls.fallocate(fd, 0, -1, page)).toBe(-EINVAL);
      expect(calls.ftruncate(-1, 0)).toBe(-EBADF);
      expect(calls.fallocate(-1, 0, 0, page)).toBe(-EBADF);
    });

    test.each([2 ** 31 - 1, 2 ** 31, 2 ** 31 + 5, 2 ** 32, 2 ** 32 + 7, 2 ** 40 + 1, 2 ** 52 + 1])(
      'a size and a position of %d bytes are exact',
      (size) => {
        const fd = resources.memory(0);
        expect(calls.ftruncate(fd, size)).toBe(0);
        expect(fstatSync(fd, { bigint: true }).size).toBe(BigInt(size));
        expect(calls.lseek(fd, 0, SEEK_END)).toBe(size);
        expect(calls.lseek(fd, size - 1, SEEK_SET)).toBe(size - 1);
        expect(calls.lseek(fd, -size, SEEK_END)).toBe(0);
      },
    );

    test.each([2 ** 31, 2 ** 32, 2 ** 40])('memory can be taken at %d bytes', (offset) => {
      const fd = resources.memory(0);
      expect(calls.fallocate(fd, 0, offset, page)).toBe(0);
      expect(fstatSync(fd).size).toBe(offset + page);
      expect(fstatSync(fd).blocks * 512).toBe(page);
    });

    test('bytes above 4 GiB are their own', () => {
      const fd = resources.memory(2 ** 32 + 8);
      calls.lseek(fd, 2 ** 32 + 1, SEEK_SET);
      expect(writeText(calls, fd, 'high')).toBe(4);
      calls.lseek(fd, 2 ** 32, SEEK_SET);
      expect(readBytes(calls, fd, 5)).toEqual(Uint8Array.of(0, 104, 105, 103, 104));
      calls.lseek(fd, 1, SEEK_SET);
      expect(readBytes(calls, fd, 4)).toEqual(new Uint8Array(4));
    });
  });

  describe('seals', () => {
    const resources = useResources(calls);

    function sealed(seals: number): number {
      const fd = resources.memory(page, MFD_ALLOW_SEALING);
      expect(calls.addSeals(fd, seals)).toBe(0);
      return fd;
    }

    test('a fresh memfd has no seals if it may be sealed, and is sealed against seals if not', () => {
      expect(calls.getSeals(resources.memory(0, MFD_ALLOW_SEALING))).toBe(0);
      const unsealable = resources.memory(0);
      expect(calls.getSeals(unsealable)).toBe(F_SEAL_SEAL);
      expect(calls.addSeals(unsealable, F_SEAL_GROW)).toBe(-EPERM);
    });

    test('MFD_NOEXEC_SEAL makes no program of it, for good, and lets it be sealed (11.22)', ({
      skip,
    }) => {
      const made = calls.memfdCreate(`${NAME_PREFIX}-noexec`, MFD_NOEXEC_SEAL);
      if (made === -EINVAL) skip('this kernel does not know it: it is older than 6.3');
      const fd = resources.own(made);
      expect(fstatSync(fd).mode & 0o111).toBe(0);
      expect(calls.fchmod(fd, 0o755)).toBe(-EPERM);
      expect(calls.getSeals(fd)).toBe(F_SEAL_EXEC);
      expect(calls.addSeals(fd, F_SEAL_GROW)).toBe(0);
    });

    test('seals add up', () => {
      const fd = sealed(F_SEAL_SHRINK);
      expect(calls.addSeals(fd, F_SEAL_GROW)).toBe(0);
      expect(calls.getSeals(fd)).toBe(F_SEAL_SHRINK | F_SEAL_GROW);
    });

    test('F_SEAL_SHRINK refuses to shrink, and lets grow', () => {
      const fd = sealed(F_SEAL_SHRINK);
      expect(calls.ftruncate(fd, page - 1)).toBe(-EPERM);
      expect(calls.ftruncate(fd, page + 1)).toBe(0);
    });

    test('F_SEAL_GROW refuses to grow, and lets shrink', () => {
      const fd = sealed(F_SEAL_GROW);
      expect(calls.ftruncate(fd, page + 1)).toBe(-EPERM);
      expect(calls.fallocate(fd, 0, 0, page * 2)).toBe(-EPERM);
      expect(calls.ftruncate(fd, page - 1)).toBe(0);
    });

    test('F_SEAL_WRITE refuses to write, and cannot be added while a writable mapping is there', () => {
      const fd = resources.memory(page, MFD_ALLOW_SEALING);
      const buffer = resources.map(page, fd);
      expect(calls.addSeals(fd, F_SEAL_WRITE)).toBe(-EBUSY);
      expect(calls.munmap(buffer)).toBe(0);
      expect(calls.addSeals(fd, F_SEAL_WRITE)).toBe(0);
      expect(writeText(calls, fd, 'x')).toBe(-EPERM);
    });

    test('F_SEAL_FUTURE_WRITE leaves the mapping that is there as the only writer', () => {
      const fd = resources.memory(page, MFD_ALLOW_SEALING);
      const writable = new Uint8Array(resources.map(page, fd));
      expect(calls.addSeals(fd, F_SEAL_FUTURE_WRITE)).toBe(0);
      expect(calls.mmap(page, 3, 1, fd, 0)).toBe(-EPERM);
      expect(writeText(calls, fd, 'x')).toBe(-EPERM);

      const readable = new Uint8Array(resources.map(page, fd, 1));
      writable[7] = 77;
      expect(readable[7]).toBe(77);
    });

    test('F_SEAL_SEAL refuses further seals', () => {
      const fd = sealed(F_SEAL_SEAL);
      expect(calls.addSeals(fd, F_SEAL_GROW)).toBe(-EPERM);
    });

    test('what is not a memory file answers EINVAL', () => {
      const [, writeEnd] = resources.pipe();
      expect(calls.getSeals(writeEnd)).toBe(-EINVAL);
      expect(calls.addSeals(writeEnd, F_SEAL_GROW)).toBe(-EINVAL);
      expect(calls.getSeals(-1)).toBe(-EBADF);
    });
  });
}
