import { openSync, readdirSync } from 'node:fs';
import {
  createPipe,
  createSealedMemory,
  EPERM,
  F_SEAL_FUTURE_WRITE,
  growPipe,
  largestPipeSize,
  Mapping,
  OwnedFd,
  PROT_READ,
  PROT_WRITE,
  SIZE_SEALS,
} from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const calls = loadLinuxCalls();
const countDescriptors = (): number => readdirSync('/proc/self/fd').length;
const someFd = (): OwnedFd => new OwnedFd(calls, calls.eventfd(0, 0));

let descriptors = 0;
beforeEach(() => {
  descriptors = countDescriptors();
});
afterEach(() => {
  expect(countDescriptors()).toBe(descriptors);
});

describe('an owned descriptor', () => {
  test('is closed for good, but its duplicate is not', () => {
    const fd = someFd();
    const { fd: number } = fd;
    using duplicate = fd.duplicate();
    expect(duplicate.fd).not.toBe(number);
    fd.close();
    expect(calls.getStatusFlags(number)).toBeLessThan(0);
    expect(calls.getStatusFlags(duplicate.fd)).toBeGreaterThan(0);
  });

  test('does not close the next file that gets its number', () => {
    const first = someFd();
    const { fd: number } = first;
    first.close();
    using second = someFd();
    expect(second.fd).toBe(number);
    first.close();
    expect(calls.getStatusFlags(number)).toBeGreaterThan(0);
  });

  test('stays open once it is released', () => {
    const fd = someFd();
    const number = fd.release();
    fd.close();
    expect(calls.close(number)).toBe(0);
  });
});

describe('sealed memory', () => {
  test('is zeroed, has its size, and keeps it', () => {
    using memory = createSealedMemory(calls, 'test-memory', 10_000);
    expect(calls.getSeals(memory.fd) & SIZE_SEALS).toBe(SIZE_SEALS);
    using mapping = Mapping.shared(calls, memory.fd, 10_000, PROT_READ);
    expect(mapping.byteLength).toBe(10_000);
    expect(new Uint8Array(mapping.buffer).every((byte) => byte === 0)).toBe(true);
    for (const size of [0, 9_999, 10_001]) {
      expect(calls.ftruncate(memory.fd, size)).toBe(-EPERM);
    }
    expect(calls.addSeals(memory.fd, F_SEAL_FUTURE_WRITE)).toBe(-EPERM);
  });
});

describe('a mapping', () => {
  test('shows what another mapping of the same memory writes', () => {
    using memory = createSealedMemory(calls, 'test-memory', 4096);
    using writer = Mapping.shared(calls, memory.fd, 4096, PROT_READ | PROT_WRITE);
    using reader = Mapping.shared(calls, memory.fd, 4096, PROT_READ);
    new Uint8Array(writer.buffer).set([1, 2, 3], 100);
    expect([...new Uint8Array(reader.buffer, 100, 3)]).toEqual([1, 2, 3]);
  });

  test('outlives its descriptor, and ends when it is closed', () => {
    const memory = createSealedMemory(calls, 'test-memory', 4096);
    const mapping = Mapping.shared(calls, memory.fd, 4096, PROT_READ | PROT_WRITE);
    memory.close();
    const view = new Uint8Array(mapping.buffer);
    view[0] = 1;
    mapping.close();
    mapping.close();
    expect([mapping.byteLength, view.length, view[0]]).toEqual([0, 0, undefined]);
  });

  test('is of memory, and of nothing else', () => {
    using pipe = disposablePipe();
    expect(() => Mapping.shared(calls, pipe.readEnd.fd, 4096, PROT_READ)).toThrow(
      expect.objectContaining({ syscall: 'mmap', code: 'SYSTEM_CALL_FAILED' }),
    );
  });

  test('cannot be written where the descriptor is open for reading alone', () => {
    using memory = createSealedMemory(calls, 'test-memory', 4096);
    using readable = new OwnedFd(calls, openSync(`/proc/self/fd/${memory.fd}`, 'r'));
    Mapping.shared(calls, readable.fd, 4096, PROT_READ).close();
    expect(() => Mapping.shared(calls, readable.fd, 4096, PROT_READ | PROT_WRITE)).toThrow(
      expect.objectContaining({ syscall: 'mmap', errnoName: 'EACCES' }),
    );
  });
});

function disposablePipe() {
  const pipe = createPipe(calls);
  return {
    ...pipe,
    [Symbol.dispose]() {
      pipe.readEnd.close();
      pipe.writeEnd.close();
    },
  };
}

describe('a pipe', () => {
  test('does not block at either end', () => {
    using pipe = disposablePipe();
    const bytes = new Uint8Array(1 << 20);
    expect(calls.read(pipe.readEnd.fd, bytes, 0, 1)).toBe(-11);
    const taken = calls.write(pipe.writeEnd.fd, bytes, 0, bytes.length);
    expect(taken).toBe(calls.getPipeSize(pipe.writeEnd.fd));
    expect(calls.write(pipe.writeEnd.fd, bytes, 0, 1)).toBe(-11);
  });

  test('grows to the largest size that an unprivileged user gets', () => {
    using pipe = disposablePipe();
    expect(growPipe(calls, pipe.readEnd.fd, largestPipeSize())).toBe(largestPipeSize());
    expect(calls.getPipeSize(pipe.writeEnd.fd)).toBe(largestPipeSize());
    expect(growPipe(calls, pipe.readEnd.fd, 4096)).toBe(largestPipeSize());
  });

  test('grows only if it is one', () => {
    using fd = someFd();
    expect(() => growPipe(calls, fd.fd, 4096)).toThrow(
      expect.objectContaining({ code: 'SYSTEM_CALL_FAILED', errnoName: 'EBADF' }),
    );
  });
});
