import { closeSync, mkdtempSync, openSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CONTROL_MAGIC,
  ControlMemory,
  controlByteLength,
  HEADER,
  parkedReceiverWord,
} from '@pageferry/connection';
import { PROTOCOL_VERSION } from '@pageferry/core';
import {
  createMemoryFile,
  createSealedMemory,
  Mapping,
  OwnedFd,
  PROT_READ,
  PROT_WRITE,
  SIZE_SEALS,
} from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { expectNothingLeft, withCode } from '@pageferry/testkit';
import { afterAll, describe, expect, test } from 'vitest';

const calls = loadLinuxCalls();
const CAPACITY = 16;
const O_PATH = 0o10000000;

describe('control memory', () => {
  expectNothingLeft();

  test('is the same memory on both sides', () => {
    const { memory, fd } = ControlMemory.create(calls, CAPACITY);
    using ours = memory;
    using theirs = ControlMemory.open(calls, fd.fd);
    fd.close();
    expect(theirs.capacity).toBe(CAPACITY);
    expect(theirs.deliveries).toEqual(ours.deliveries);
    expect(theirs.returns).toEqual(ours.returns);
    Atomics.store(ours.words, 40, 1234);
    expect(Atomics.load(theirs.words, 40)).toBe(1234);
    Atomics.store(theirs.words, 41, 5678);
    expect(Atomics.load(ours.words, 41)).toBe(5678);
  });

  test('holds both queues, apart from each other and from the counters', () => {
    const { memory, fd } = ControlMemory.create(calls, CAPACITY);
    using control = memory;
    fd.close();
    const { deliveries, returns } = control;
    expect(deliveries.entries).toBeGreaterThan(returns.counter);
    expect(returns.entries).toBe(deliveries.entries + CAPACITY * deliveries.stride);
    expect(returns.capacity).toBe(2 * CAPACITY);
    expect(control.words.length).toBe(returns.entries + returns.capacity * returns.stride);
    expect(control.words.byteLength).toBe(controlByteLength(CAPACITY));
  });

  test('cannot be made shorter or longer by whoever holds it', () => {
    const { memory, fd } = ControlMemory.create(calls, CAPACITY);
    using _memory = memory;
    using owned = fd;
    expect(calls.ftruncate(owned.fd, 0)).toBeLessThan(0);
    expect(calls.ftruncate(owned.fd, 1 << 20)).toBeLessThan(0);
    expect(calls.addSeals(owned.fd, 0)).toBeLessThan(0);
  });

  test('is gone from every view once it is closed, and may be closed again', () => {
    const { memory, fd } = ControlMemory.create(calls, CAPACITY);
    fd.close();
    memory.close();
    memory.close();
    expect(memory.words.length).toBe(0);
  });
});

describe('control memory from a peer is refused', () => {
  expectNothingLeft();
  const folder = mkdtempSync(join(tmpdir(), 'pageferry-control-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  /** Sealed memory with the header of control memory, changed in one respect. */
  function forge(changed: Partial<Record<keyof typeof HEADER, number>>, capacity = CAPACITY) {
    const byteLength = controlByteLength(capacity);
    const fd = createSealedMemory(calls, 'pageferry-control', byteLength);
    using mapping = Mapping.shared(calls, fd.fd, byteLength, PROT_READ | PROT_WRITE);
    const pageSize = calls.pageSize();
    const parkedReceiver = parkedReceiverWord(3);
    const honest = {
      magic: CONTROL_MAGIC,
      version: PROTOCOL_VERSION,
      capacity,
      pageSize,
      parkedReceiver,
    };
    const header = { ...honest, ...changed };
    const words = new Int32Array(mapping.buffer);
    for (const [name, word] of Object.entries(HEADER)) {
      words[word] = header[name as keyof typeof HEADER];
    }
    return fd;
  }

  /** A memfd of the right length whose seals are for the caller to add. */
  function unsealed(byteLength = controlByteLength(CAPACITY)): OwnedFd {
    const fd = createMemoryFile(calls, 'pageferry-control');
    calls.ftruncate(fd.fd, byteLength);
    return fd;
  }

  function expectRefusal(fd: OwnedFd, message: string): void {
    using owned = fd;
    expect(() => ControlMemory.open(calls, owned.fd)).toThrow(withCode('PEER_MISBEHAVED'));
    expect(() => ControlMemory.open(calls, owned.fd)).toThrow(message);
  }

  test('unless it is as it should be', () => {
    using honest = forge({});
    ControlMemory.open(calls, honest.fd).close();
  });

  test.each([
    ['with no magic', { magic: 0 }, 'has no magic'],
    ['of an older version', { version: PROTOCOL_VERSION - 1 }, 'has another version'],
    ['of a newer version', { version: PROTOCOL_VERSION + 1 }, 'has another version'],
    ['with another page size', { pageSize: 512 }, 'has another page size'],
    ['with no entries', { capacity: 0 }, 'claims 0 entries'],
    ['with a capacity that is no power of two', { capacity: 15 }, 'claims 15 entries'],
    ['with a negative capacity', { capacity: -16 }, 'claims -16 entries'],
    ['with the most negative capacity', { capacity: -0x80000000 }, 'claims -2147483648 entries'],
    ['with a larger capacity than fits', { capacity: 32 }, 'contradicts its size'],
    ['with a smaller capacity than fits', { capacity: 8 }, 'contradicts its size'],
    ['with a huge capacity', { capacity: 0x40000000 }, 'contradicts its size'],
    ['whose receiver parks in a counter', { parkedReceiver: 64 }, 'has no place for a receiver'],
    ['whose receiver parks in a queue', { parkedReceiver: 1024 }, 'has no place for a receiver'],
    ['whose receiver parks nowhere', { parkedReceiver: -1 }, 'has no place for a receiver'],
  ])('%s', (_, changed, message) => {
    expectRefusal(forge(changed), message);
  });

  test('that is larger than any honest one', () => {
    expectRefusal(forge({}, 1 << 17), 'bytes');
  });

  test.each([
    ['that is empty', 0],
    ['that is too short for a single entry', controlByteLength(1) - 4],
    ['that claims a tebibyte', 2 ** 40],
  ])('%s', (_, byteLength) => {
    const fd = unsealed(byteLength);
    calls.addSeals(fd.fd, SIZE_SEALS);
    expectRefusal(fd, `has ${byteLength} bytes`);
  });

  test.each([
    ['with no seal', 0],
    ['that could be shrunk', SIZE_SEALS & ~2],
    ['that could grow', SIZE_SEALS & ~4],
    ['whose seals could be changed', SIZE_SEALS & ~1],
  ])('%s', (_, seals) => {
    const fd = unsealed();
    if (seals !== 0) expect(calls.addSeals(fd.fd, seals)).toBe(0);
    expectRefusal(fd, 'is not sealed');
  });

  test('that is a regular file', () => {
    const path = join(folder, 'file');
    writeFileSync(path, '');
    truncateSync(path, controlByteLength(CAPACITY));
    expectRefusal(new OwnedFd(calls, openSync(path, 'r+')), 'is not sealed');
  });

  test('that is a descriptor without a right to anything', () => {
    const path = join(folder, 'path');
    writeFileSync(path, '');
    truncateSync(path, controlByteLength(CAPACITY));
    expectRefusal(new OwnedFd(calls, openSync(path, O_PATH)), 'is not sealed');
  });

  test('that is a pipe, a socket or an eventfd', () => {
    const ends = new Int32Array(2);
    calls.pipe2(ends, 0);
    for (const end of ends) expectRefusal(new OwnedFd(calls, end), 'is not sealed');
    expectRefusal(new OwnedFd(calls, calls.socket(1, 5, 0)), 'is not sealed');
    expectRefusal(new OwnedFd(calls, calls.eventfd(0, 0)), 'is not sealed');
  });

  test('that can only be read', () => {
    using sealed = forge({});
    const fd = openSync(`/proc/self/fd/${sealed.fd}`, 'r');
    expect(() => ControlMemory.open(calls, fd)).toThrow(
      expect.objectContaining({ code: 'SYSTEM_CALL_FAILED', syscall: 'mmap', errnoName: 'EACCES' }),
    );
    closeSync(fd);
  });

  test('that can no longer be written, because of a seal', () => {
    using sealed = unsealed();
    calls.addSeals(sealed.fd, SIZE_SEALS | 8);
    expect(() => ControlMemory.open(calls, sealed.fd)).toThrow(withCode('SYSTEM_CALL_FAILED'));
  });

  test('that is not even open', () => {
    expect(() => ControlMemory.open(calls, 9999)).toThrow(
      expect.objectContaining({ code: 'SYSTEM_CALL_FAILED', syscall: 'fstat', errnoName: 'EBADF' }),
    );
  });
});
