import {
  EBADF,
  EFAULT,
  EINVAL,
  ENOMEM,
  MADV_DONTNEED,
  MADV_HUGEPAGE,
  MADV_POPULATE_WRITE,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  MAP_SHARED,
  PROT_READ,
  PROT_WRITE,
} from '@pageferry/linux';
import { describe, expect, test } from 'vitest';
import type { SuiteContext } from './registration.js';
import { readBytes } from './support/bytes.js';
import { NAME_PREFIX } from './support/names.js';
import { mappedRanges } from './support/process-state.js';
import { useResources } from './support/resources.js';

/** mmap, munmap, madvise and the address of a mapping. */
export function describeMappings({ calls }: SuiteContext): void {
  const page = calls.pageSize();
  const anonymous = MAP_PRIVATE | MAP_ANONYMOUS;
  const readWrite = PROT_READ | PROT_WRITE;

  describe('mappings', () => {
    const resources = useResources(calls);

    test('the page size is a power of two of at least 4 KiB', () => {
      expect(page).toBeGreaterThanOrEqual(4096);
      expect(page & (page - 1)).toBe(0);
    });

    test('an anonymous mapping spans what was asked for, is zero and can be written', () => {
      const buffer = resources.map(page + 100, -1, readWrite, anonymous);
      expect(buffer).toBeInstanceOf(ArrayBuffer);
      expect(buffer.byteLength).toBe(page + 100);
      const bytes = new Uint8Array(buffer);
      expect(bytes.every((byte) => byte === 0)).toBe(true);
      bytes.fill(255);
      expect(bytes.every((byte) => byte === 255)).toBe(true);
    });

    test('two shared mappings of one file are the same memory, and the file too', () => {
      const fd = resources.memory(page);
      const first = new Uint8Array(resources.map(page, fd));
      const second = new Uint8Array(resources.map(page, fd));
      first[123] = 45;
      expect(second[123]).toBe(45);
      const content = readBytes(calls, fd, page);
      expect(content).toEqual(first);
    });

    test('Atomics work on shared mappings', () => {
      const fd = resources.memory(page);
      const first = new Int32Array(resources.map(page, fd));
      const second = new Int32Array(resources.map(page, fd));
      expect(Atomics.add(first, 3, 5)).toBe(0);
      expect(Atomics.compareExchange(second, 3, 5, 9)).toBe(5);
      expect(Atomics.load(first, 3)).toBe(9);
    });

    test('a private mapping keeps its changes to itself', () => {
      const fd = resources.memory(page);
      const shared = new Uint8Array(resources.map(page, fd));
      const own = new Uint8Array(resources.map(page, fd, readWrite, MAP_PRIVATE));
      own[0] = 1;
      expect(shared[0]).toBe(0);
    });

    test('a mapping starts at the offset that was asked for', () => {
      const fd = resources.memory(page * 2);
      const all = new Uint8Array(resources.map(page * 2, fd));
      const second = resources.ownMapping(calls.mmap(page, PROT_READ, MAP_SHARED, fd, page));
      all[page] = 11;
      expect(new Uint8Array(second)[0]).toBe(11);
    });

    test('an offset above 4 GiB is exact', () => {
      const fd = resources.memory(2 ** 32 + page);
      const high = resources.ownMapping(calls.mmap(page, readWrite, MAP_SHARED, fd, 2 ** 32));
      new Uint8Array(high)[0] = 12;
      calls.lseek(fd, 2 ** 32, 0);
      expect(readBytes(calls, fd, 1)).toEqual(Uint8Array.of(12));
    });

    test('what cannot be mapped is answered with an errno', () => {
      const fd = resources.memory(page);
      expect(calls.mmap(0, PROT_READ, MAP_SHARED, fd, 0)).toBe(-EINVAL);
      expect(calls.mmap(-page, PROT_READ, MAP_SHARED, fd, 0)).toBe(-EINVAL);
      expect(calls.mmap(page, PROT_READ, MAP_SHARED, fd, 1)).toBe(-EINVAL);
      expect(calls.mmap(page, PROT_READ, MAP_SHARED, -1, 0)).toBe(-EBADF);
      expect(calls.mmap(2 ** 52, PROT_READ, anonymous, -1, 0)).toBe(-ENOMEM);
    });

    test('munmap detaches the buffer, and every view has length 0', () => {
      const buffer = resources.map(page, -1, readWrite, anonymous);
      const bytes = new Uint8Array(buffer);
      const words = new Int32Array(buffer, 16, 4);
      expect(calls.munmap(buffer)).toBe(0);
      expect([buffer.byteLength, bytes.length, words.length]).toEqual([0, 0, 0]);
      expect(bytes[0]).toBeUndefined();
    });

    test('munmap unmaps at once', () => {
      const name = `${NAME_PREFIX}-unmapped`;
      const fd = resources.own(calls.memfdCreate(name, 0));
      calls.ftruncate(fd, page);
      const buffer = resources.map(page, fd);
      expect(mappedRanges(name)).toHaveLength(1);
      expect(calls.munmap(buffer)).toBe(0);
      expect(mappedRanges(name)).toEqual([]);
    });

    test('a mapping cannot be unmapped twice', () => {
      const buffer = resources.map(page, -1, readWrite, anonymous);
      expect(calls.munmap(buffer)).toBe(0);
      expect(calls.munmap(buffer)).toBe(-EINVAL);
    });

    test('memory that is not a mapping answers EINVAL, and stays as it is', () => {
      const foreign = new ArrayBuffer(page);
      expect(calls.munmap(foreign)).toBe(-EINVAL);
      expect(calls.munmap(new ArrayBuffer(0))).toBe(-EINVAL);
      expect(calls.madvise(foreign, 0, page, MADV_DONTNEED)).toBe(-EINVAL);
      expect(foreign.byteLength).toBe(page);
    });

    test('mappings that come and go at the same address do not disturb each other', () => {
      for (let round = 0; round < 200; round++) {
        const old = calls.mmap(page, readWrite, anonymous, -1, 0) as ArrayBuffer;
        const oldAddress = calls.addressOf(old);
        expect(calls.munmap(old)).toBe(0);
        const young = resources.ownMapping(calls.mmap(page, readWrite, anonymous, -1, 0));
        expect(calls.munmap(old)).toBe(-EINVAL);
        new Uint8Array(young).fill(round % 256);
        expect(new Uint8Array(young)[page - 1]).toBe(round % 256);
        expect(calls.munmap(young)).toBe(0);
        expect(oldAddress).toBeGreaterThan(0n);
      }
    });

    test('the address is that of the mapping in /proc, and none is left after munmap', () => {
      const name = `${NAME_PREFIX}-address`;
      const fd = resources.own(calls.memfdCreate(name, 0));
      calls.ftruncate(fd, page * 3);
      const buffer = resources.map(page * 3, fd);
      const address = calls.addressOf(buffer);
      expect(mappedRanges(name)).toEqual([{ start: address, end: address + BigInt(page * 3) }]);
      calls.munmap(buffer);
      expect(calls.addressOf(buffer)).toBe(0n);
    });
  });

  describe('madvise', () => {
    const resources = useResources(calls);

    test('MADV_DONTNEED gives anonymous pages back, those named and no others', () => {
      const buffer = resources.map(page * 3, -1, readWrite, anonymous);
      const bytes = new Uint8Array(buffer).fill(1);
      expect(calls.madvise(buffer, page, page, MADV_DONTNEED)).toBe(0);
      expect([bytes[page - 1], bytes[page], bytes[page * 2 - 1], bytes[page * 2]]).toEqual([
        1, 0, 0, 1,
      ]);
    });

    test('pages can be made present beforehand', () => {
      const buffer = resources.map(page * 4, -1, readWrite, anonymous);
      expect(calls.madvise(buffer, 0, page * 4, MADV_POPULATE_WRITE)).toBe(0);
    });

    test('huge pages may be asked for, or the kernel says that it has none', () => {
      const buffer = resources.map(page * 4, -1, readWrite, anonymous);
      expect([0, -EINVAL]).toContain(calls.madvise(buffer, 0, page * 4, MADV_HUGEPAGE));
    });

    test('an offset inside of a page and an unknown advice answer EINVAL', () => {
      const buffer = resources.map(page * 2, -1, readWrite, anonymous);
      expect(calls.madvise(buffer, 1, page, MADV_DONTNEED)).toBe(-EINVAL);
      expect(calls.madvise(buffer, 0, page, 9999)).toBe(-EINVAL);
    });

    test('a range outside of the mapping answers EFAULT', () => {
      const buffer = resources.map(page * 2, -1, readWrite, anonymous);
      expect(calls.madvise(buffer, 0, page * 3, MADV_DONTNEED)).toBe(-EFAULT);
      expect(calls.madvise(buffer, page * 3, 0, MADV_DONTNEED)).toBe(-EFAULT);
      expect(calls.madvise(buffer, -page, page, MADV_DONTNEED)).toBe(-EFAULT);
    });

    test('a mapping that has ended takes no advice', () => {
      const buffer = resources.map(page, -1, readWrite, anonymous);
      calls.munmap(buffer);
      expect(calls.madvise(buffer, 0, 0, MADV_DONTNEED)).toBe(-EINVAL);
    });
  });
}
