import {
  createSealedMemory,
  ENOMEM,
  ENOSPC,
  EOPNOTSUPP,
  EPERM,
  MAP_ANONYMOUS,
  MAP_NORESERVE,
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
      ['mmap', 1, PROT_READ | PROT_WRITE, MAP_POPULATE | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, 1],
      ['mmap', 2, PROT_READ, MAP_SHARED, 5, 0, 2],
    ]);
  });

  test('in a runtime that takes no memory but its own is a typed error that says what to do', () => {
    const { calls } = fakeCalls({ mmap: () => -EOPNOTSUPP });
    for (const map of [
      () => Mapping.anonymous(calls, 4096),
      () => Mapping.shared(calls, 5, 4096, PROT_READ),
    ]) {
      expect(map).toThrow(
        expect.objectContaining({
          code: 'BINDING_UNAVAILABLE',
          message: expect.stringMatching(/memory cage.*@pageferry\/socket/),
        }),
      );
    }
  });

  test('that is shown in parts has a buffer that only stands for it', () => {
    const alias = (_: ArrayBuffer, __: number, byteLength: number) => new ArrayBuffer(byteLength);
    const { calls, made } = fakeCalls({ ...mapsAndUnmaps, alias, remap: () => 0 });
    const mapping = Mapping.shared(calls, 5, 8192, PROT_READ, 'parts');
    expect(mapping.alias(4096, 10).byteLength).toBe(10);
    mapping.showFile(7, 4096, PROT_READ, MAP_PRIVATE);
    mapping.showNothing();
    mapping.close([4096, 10]);
    mapping.closeLater();
    const writable = PROT_READ | PROT_WRITE;
    expect(made.map(([name, , ...rest]) => [name, ...rest])).toEqual([
      ['mmap', PROT_READ, MAP_SHARED, 5, 0, 1],
      ['alias', 4096, 10],
      ['remap', 4096, PROT_READ, MAP_PRIVATE, 7],
      ['remap', 8192, writable, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1],
      ['munmap', Float64Array.of(4096, 10)],
    ]);
  });

  test.each(['alias', 'remap'] as const)('says what failed at %s', (name) => {
    const { calls } = fakeCalls({ ...mapsAndUnmaps, [name]: () => -ENOMEM });
    const mapping = Mapping.anonymous(calls, 4096);
    const run = { alias: () => mapping.alias(0, 1), remap: () => mapping.showFile(1, 1, 1, 1) };
    expect(run[name]).toThrow(expect.objectContaining({ errnoName: 'ENOMEM' }));
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
