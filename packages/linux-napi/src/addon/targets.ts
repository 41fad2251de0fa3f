import type { ElfFile } from './elf.js';

/** A platform that an addon is prebuilt for, each in a package of its own. */
export interface Target {
  readonly arch: 'x64' | 'arm64';
  readonly libc: 'glibc' | 'musl';
}

/** The newest glibc that a prebuilt addon may want: Node 20 to 24 run from 2.28 on. */
export const NEWEST_GLIBC = '2.28';

/** The platforms by the names of their folders (`npm/…`), which end the names of their packages. */
export const TARGETS: Readonly<Record<string, Target>> = {
  'linux-x64-gnu': { arch: 'x64', libc: 'glibc' },
  'linux-x64-musl': { arch: 'x64', libc: 'musl' },
  'linux-arm64-gnu': { arch: 'arm64', libc: 'glibc' },
  'linux-arm64-musl': { arch: 'arm64', libc: 'musl' },
};

/** What every system with that C library has. No C++ library: that is linked in. */
const LIBRARIES =
  /^(libc|libm|libdl|libpthread|librt|ld-linux-\w+(-\w+)*|ld-musl-\w+|libc\.musl-\w+)\.so(\.\d+)?$/;

/** What is wrong with an addon for a platform, as sentences; none if it may be published. */
export function faultsOf(elf: ElfFile, target: Target): readonly string[] {
  const faults: string[] = [];
  if (elf.arch !== target.arch) faults.push(`it is for ${elf.arch}, not for ${target.arch}`);
  if (elf.libc !== target.libc) {
    faults.push(`it is linked with ${elf.libc ?? 'no C library'}, not with ${target.libc}`);
  }
  const strange = elf.needed.filter((name) => !LIBRARIES.test(name));
  if (strange.length > 0) faults.push(`it needs ${strange.join(', ')}`);
  const tooNew = elf.versions.filter((version) => !isAllowed(version));
  if (tooNew.length > 0) {
    faults.push(`it wants ${tooNew.join(', ')}, and may want GLIBC_${NEWEST_GLIBC} at most`);
  }
  if (elf.hasSymbolTable) faults.push('it is not stripped');
  return faults;
}

function isAllowed(version: string): boolean {
  const [, number] = /^GLIBC_(\d+(?:\.\d+)*)$/.exec(version) ?? [];
  return number !== undefined && compareVersions(number, NEWEST_GLIBC) <= 0;
}

/** Less than 0 if `a` is older than `b`, by their numbers: 2.9 is older than 2.28. */
export function compareVersions(a: string, b: string): number {
  const others = b.split('.').map(Number);
  const differences = a.split('.').map((part, index) => Number(part) - (others[index] ?? 0));
  return differences.find((difference) => difference !== 0) ?? a.split('.').length - others.length;
}
