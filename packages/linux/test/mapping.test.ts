import {
  createSealedMemory,
  ENOMEM,
  ENOSPC,
  EPERM,
  MAP_ANONYMOUS,
  MAP_POPULATE,
  MAP_PRIVATE,
  MAP_SHARED,
  Mapping,
  PROT_READ,
  PROT_WRITE,
  SIZE_SEALS,
} from '@pageferry/linux';
import { describe, expect, test } from 'vitest';
import { fakeCalls } from './fake-calls.js';

/** Memory that is detached when it is unmapped, as a binding does it. */
const mapsAndUnmaps = {
  mmap: (byteLength: number) => new ArrayBuffer(byteLength),
  munmap: (buffer: ArrayBuffer) => {
    structuredClone(buffer, { transfer: [buffer] });
    return 0;
  },
};

describe('a mapping', () => {
  test('is unmapped exactly once, and its views are empty from then on', () => {
    const { calls, made } = fakeCalls(mapsAndUnmaps);
    const mapping = Mapping.anonymous(calls, 4096);
    const view = new Uint8Array(mapping.buffer, 100, 10);
    expect(mapping.byteLength).toBe(4096);
    mapping.close();
    mapping.close();
    mapping[Symbol.dispose]();
    expect(made.map(([name]) => name)).toEqual(['mmap', 'munmap']);
    expect([mapping.byteLength, view.length]).toEqual([0, 0]);
  });

  test('is private to this process, or shared by all who map the descriptor', () => {
    const { calls, made } = fakeCalls(mapsAndUnmaps);
    Mapping.anonymous(calls, 1, MAP_POPULATE);
    Mapping.shared(calls, 5, 2, PROT_READ);
    expect(made).toEqual([
      ['mmap', 1, PROT_READ | PROT_WRITE, MAP_POPULATE | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0],
      ['mmap', 2, PROT_READ, MAP_SHARED, 5, 0],
    ]);
  });

  test('that cannot be made says how large it was to be', () => {
    const { calls } = fakeCalls({ mmap: () => -ENOMEM });
    expect(() => Mapping.anonymous(calls, 12345)).toThrow(
      expect.objectContaining({
        syscall: 'mmap',
        errnoName: 'ENOMEM',
        message: expect.stringContaining('12345 bytes'),
      }),
    );
  });
});

describe('sealed memory', () => {
  const works = {
    memfdCreate: () => 9,
    ftruncate: () => 0,
    fallocate: () => 0,
    addSeals: () => 0,
    close: () => 0,
    closeAtThreadEnd: () => 0,
  };

  test('is sealed only once it has its size and its pages', () => {
    const { calls, made } = fakeCalls(works);
    expect(createSealedMemory(calls, 'name', 4096).fd).toBe(9);
    expect(made.filter(([name]) => name !== 'closeAtThreadEnd').slice(1)).toEqual([
      ['ftruncate', 9, 4096],
      ['fallocate', 9, 0, 0, 4096],
      ['addSeals', 9, SIZE_SEALS],
    ]);
  });

  test.each([
    ['ftruncate', EPERM],
    ['fallocate', ENOSPC],
    ['addSeals', EPERM],
  ] as const)('that fails at %s is closed again', (name, errno) => {
    const { calls, made } = fakeCalls({ ...works, [name]: () => -errno });
    expect(() => createSealedMemory(calls, 'name', 4096)).toThrow(
      expect.objectContaining({ code: 'SYSTEM_CALL_FAILED', errno }),
    );
    expect(made.at(-1)).toEqual(['close', 9]);
  });

  test('that cannot be made at all leaves nothing to close', () => {
    const { calls } = fakeCalls({ memfdCreate: () => -ENOMEM });
    expect(() => createSealedMemory(calls, 'name', 4096)).toThrow(
      expect.objectContaining({ syscall: 'memfd_create', errnoName: 'ENOMEM' }),
    );
  });
});
