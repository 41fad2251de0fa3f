import type { LinuxCalls } from '@pageferry/linux';
import { AF_UNIX, MAP_SHARED, PROT_READ, PROT_WRITE } from '@pageferry/linux';
import { afterEach, expect } from 'vitest';
import { NAME_PREFIX } from './names.js';

/** Descriptors and mappings that a test makes, and that are gone when it ends. */
export interface Resources {
  /** Expects a descriptor, and closes it when the test ends. */
  own(fd: number): number;
  /** Closes a descriptor now. */
  close(fd: number): void;
  /** A pipe: its read end and its write end. */
  pipe(flags?: number): readonly [readEnd: number, writeEnd: number];
  /** Two connected Unix sockets. */
  socketPair(type: number): readonly [first: number, second: number];
  /** A memfd of `byteLength` bytes. */
  memory(byteLength: number, flags?: number): number;
  /** A mapping; shared, readable and writable unless asked otherwise. */
  map(byteLength: number, fd: number, protection?: number, flags?: number): ArrayBuffer;
  /** Expects a mapping, and unmaps it when the test ends. */
  ownMapping(buffer: ArrayBuffer | number): ArrayBuffer;
}

/** To be called inside a `describe`. */
export function useResources(calls: LinuxCalls): Resources {
  const descriptors = new Set<number>();
  const mappings = new Set<ArrayBuffer>();

  afterEach(() => {
    for (const buffer of mappings) if (buffer.byteLength > 0) calls.munmap(buffer);
    for (const fd of descriptors) calls.close(fd);
    mappings.clear();
    descriptors.clear();
  });

  const own = (fd: number): number => {
    expect(fd).toBeGreaterThanOrEqual(0);
    descriptors.add(fd);
    return fd;
  };
  const ownBoth = (result: number, both: Int32Array): readonly [number, number] => {
    expect(result).toBe(0);
    return [own(both[0] ?? -1), own(both[1] ?? -1)];
  };
  const ownMapping = (buffer: ArrayBuffer | number): ArrayBuffer => {
    if (typeof buffer === 'number') throw new Error(`mmap answered ${buffer}`);
    mappings.add(buffer);
    return buffer;
  };

  return {
    own,
    ownMapping,
    close(fd) {
      descriptors.delete(fd);
      expect(calls.close(fd)).toBe(0);
    },
    pipe(flags = 0) {
      const both = new Int32Array(2);
      return ownBoth(calls.pipe2(both, flags), both);
    },
    socketPair(type) {
      const both = new Int32Array(2);
      return ownBoth(calls.socketpair(AF_UNIX, type, 0, both), both);
    },
    memory(byteLength, flags = 0) {
      const fd = own(calls.memfdCreate(NAME_PREFIX, flags));
      expect(calls.ftruncate(fd, byteLength)).toBe(0);
      return fd;
    },
    map(byteLength, fd, protection = PROT_READ | PROT_WRITE, flags = MAP_SHARED) {
      return ownMapping(calls.mmap(byteLength, protection, flags, fd, 0));
    },
  };
}
