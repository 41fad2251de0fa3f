import { PROTOCOL_VERSION } from '@pageferry/core';
import {
  createMemoryFile,
  createSealedMemory,
  F_SEAL_FUTURE_WRITE,
  F_SEAL_SEAL,
  Mapping,
  OwnedFd,
  PROT_READ,
  PROT_WRITE,
  SIZE_SEALS,
} from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { expectNothingLeft, withCode } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { RING, RING_MAGIC, ringByteLength } from '../dist/layout.js';
import { RingMemory } from '../dist/memory/ring-memory.js';
import { callsWith } from './support/stage.js';

const calls = loadLinuxCalls();
const CAPACITY = 16;

describe('a ring', () => {
  expectNothingLeft();

  test('shows whoever opens it what its maker writes', () => {
    const { memory, fd } = RingMemory.create(calls, CAPACITY, false);
    using made = memory;
    using owned = fd;
    using opened = RingMemory.open(calls, owned);
    expect(opened.capacity).toBe(CAPACITY);
    made.words[RING.published] = 77;
    expect(opened.words[RING.published]).toBe(77);
  });

  test('can be written to by nobody but its maker', () => {
    const { memory, fd } = RingMemory.create(calls, CAPACITY, false);
    using _memory = memory;
    using owned = fd;
    expect(calls.mmap(4096, PROT_READ | PROT_WRITE, 1, owned.fd, 0)).toBeTypeOf('number');
    expect(calls.write(owned.fd, new Uint8Array(1), 0, 1)).toBeLessThan(0);
    expect(calls.ftruncate(owned.fd, 0)).toBeLessThan(0);
    // Nor can that be taken back.
    expect(calls.getSeals(owned.fd) & F_SEAL_FUTURE_WRITE).toBe(F_SEAL_FUTURE_WRITE);
    expect(calls.getSeals(owned.fd) & F_SEAL_SEAL).toBe(F_SEAL_SEAL);
  });

  test('is made without that seal by a kernel that has none, if receivers are trusted', () => {
    const old = callsWith({
      addSeals: (fd, seals) =>
        (seals & F_SEAL_FUTURE_WRITE) !== 0 ? -22 : calls.addSeals(fd, seals),
    });
    const { memory, fd } = RingMemory.create(old, CAPACITY, true);
    memory.close();
    expect(calls.getSeals(fd.fd) & (SIZE_SEALS | F_SEAL_FUTURE_WRITE)).toBe(SIZE_SEALS);
    fd.close();
    expect(() => RingMemory.create(old, CAPACITY, false)).toThrow(withCode('SYSTEM_CALL_FAILED'));
  });
});

describe('a ring of a peer is refused', () => {
  expectNothingLeft();

  /** Sealed memory with the header of a ring, changed in one respect. */
  function forge(changed: object, byteLength = ringByteLength(CAPACITY)): OwnedFd {
    const fd = createSealedMemory(calls, 'pageferry-ring', byteLength);
    using mapping = Mapping.shared(calls, fd.fd, byteLength, PROT_READ | PROT_WRITE);
    const words = new Int32Array(mapping.buffer);
    const honest = { magic: RING_MAGIC, version: PROTOCOL_VERSION, capacity: CAPACITY };
    const header = { ...honest, ...changed };
    for (const name of ['magic', 'version', 'capacity'] as const) words[RING[name]] = header[name];
    return fd;
  }

  function expectRefusal(fd: OwnedFd, message: string): void {
    using owned = fd;
    expect(() => RingMemory.open(calls, owned)).toThrow(withCode('PEER_MISBEHAVED'));
    expect(() => RingMemory.open(calls, owned)).toThrow(message);
  }

  test('unless it is as it should be', () => {
    using honest = forge({});
    RingMemory.open(calls, honest).close();
  });

  test.each([
    ['with no magic', { magic: 0 }, 'has no magic'],
    ['of an older version', { version: PROTOCOL_VERSION - 1 }, 'has another version'],
    ['with no entries', { capacity: 0 }, 'claims 0 entries'],
    ['with a capacity that is no power of two', { capacity: 15 }, 'claims 15 entries'],
    ['with a negative capacity', { capacity: -16 }, 'claims -16 entries'],
    ['with a larger capacity than fits', { capacity: 32 }, 'contradicts its size'],
    ['with a smaller capacity than fits', { capacity: 8 }, 'contradicts its size'],
  ])('%s', (_, changed, message) => {
    expectRefusal(forge(changed), message);
  });

  test('that is larger than any honest one', () => {
    expectRefusal(forge({}, ringByteLength(1 << 17)), 'bytes');
  });

  test.each([0, SIZE_SEALS & ~F_SEAL_SEAL])('that has not all its seals, but %i', (seals) => {
    const fd = createMemoryFile(calls, 'pageferry-ring');
    calls.ftruncate(fd.fd, ringByteLength(CAPACITY));
    calls.addSeals(fd.fd, seals);
    expectRefusal(fd, 'is not sealed');
  });

  test('that is something else', () => {
    expectRefusal(new OwnedFd(calls, calls.eventfd(0, 0)), 'is not sealed');
  });
});
