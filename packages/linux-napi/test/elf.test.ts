import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type ElfFile, readElf } from '../dist/addon/elf.js';
import { findAddon } from '../dist/addon/find-addon.js';
import { compareVersions, faultsOf, TARGETS } from '../dist/addon/targets.js';
import { cLibraryOfThisSystem } from '../dist/addon/this-system.js';

const built = readFileSync(findAddon() ?? '');
const good: ElfFile = {
  arch: 'arm64',
  needed: ['libm.so.6', 'libpthread.so.0', 'libc.so.6', 'libdl.so.2', 'ld-linux-aarch64.so.1'],
  versions: ['GLIBC_2.17', 'GLIBC_2.28'],
  libc: 'glibc',
  hasSymbolTable: false,
};
const target = { arch: 'arm64', libc: 'glibc' } as const;

describe('an ELF file', () => {
  test('tells its processor, its C library and what it needs', () => {
    const elf = readElf(built);
    expect(elf.arch).toBe(process.arch);
    expect(elf.libc).toBe(cLibraryOfThisSystem().name);
    expect(elf.needed).toContain(elf.libc === 'glibc' ? 'libc.so.6' : 'libc.so');
  });

  test.skipIf(cLibraryOfThisSystem().name !== 'glibc')('tells the versions that it wants', () => {
    const wanted = readElf(built).versions.filter((name) => name.startsWith('GLIBC_'));
    expect(wanted.length).toBeGreaterThan(0);
    // It has been loaded here, so it wants nothing newer than what is here.
    const { version = '' } = cLibraryOfThisSystem();
    for (const name of wanted) {
      expect(compareVersions(name.slice(6), version), name).toBeLessThanOrEqual(0);
    }
  });

  test.each([
    ['a text', Buffer.from('text')],
    ['nothing', Buffer.alloc(0)],
    ['the first half of one', built.subarray(0, built.length / 2)],
  ])('%s is none', (_, file) => {
    expect(() => readElf(file)).toThrow();
  });
});

describe('a prebuilt addon', () => {
  test('is as its package says', () => {
    expect(faultsOf(good, target)).toEqual([]);
  });

  test.each([
    [{ arch: 'x64' }, 'it is for x64, not for arm64'],
    [{ libc: 'musl' }, 'it is linked with musl, not with glibc'],
    [{ libc: undefined }, 'it is linked with no C library, not with glibc'],
    [{ needed: [...good.needed, 'libstdc++.so.6'] }, 'it needs libstdc++.so.6'],
    [
      { versions: ['GLIBC_2.9', 'GLIBC_2.34', 'GLIBCXX_3.4.11'] },
      'it wants GLIBC_2.34, GLIBCXX_3.4.11, and may want GLIBC_2.28 at most',
    ],
    [{ hasSymbolTable: true }, 'it is not stripped'],
  ] as const)('%j is a fault', (change, fault) => {
    expect(faultsOf({ ...good, ...change }, target)).toEqual([fault]);
  });

  test('is not what was compiled here: that is linked with the C++ library', () => {
    const [mine] = Object.values(TARGETS).filter(({ arch }) => arch === process.arch);
    expect(faultsOf(readElf(built), mine ?? target)).toContainEqual(
      expect.stringMatching(/it needs .*libstdc\+\+/),
    );
  });
});
