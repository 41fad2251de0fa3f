import { glibcVersion } from '@pageferry/linux';
import packages from '#koffi';

/** A C library, opened. */
export interface KoffiLibrary {
  func(name: string, result: string, parameters: readonly string[]): KoffiFunction;
  symbol(name: string): unknown;
}

/** A C function. `async` calls it on libuv's pool. */
export interface KoffiFunction {
  (...values: readonly unknown[]): unknown;
  async(...valuesAndCallback: readonly unknown[]): void;
}

/** What of koffi is used here. */
export interface Koffi {
  /** Without a name, the program. */
  load(name: string | null): KoffiLibrary;
  address(memory: ArrayBufferLike): bigint;
  view(address: bigint, byteLength: number): ArrayBuffer;
  errno(): number;
  readonly node: { readonly env: unknown };
}

/**
 * koffi without the package of that name: what it is made of for this processor, for glibc and musl. The package
 * adds what is deprecated, and a script at installation, which makes package managers ask or fail and has nothing
 * to do.
 */
export function loadKoffi(): Koffi {
  const libc = glibcVersion() === undefined ? 'musl' : 'glibc';
  return packages.requireKoffi(process.arch, libc) as Koffi;
}
