import { glibcVersion, isCutOff, resolveFrom, surroundingsOf } from '@pageferry/linux';
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

/** Where its compiled part is, by the C library. */
const NATIVE = {
  glibc: `linux_${process.arch}/koffi.node`,
  musl: `musl_${process.arch}/koffi.node`,
} as const;

/**
 * koffi without the package of that name: what it is made of for this processor, for glibc and musl. The package
 * adds what is deprecated, and a script at installation, which makes package managers ask or fail and has nothing
 * to do.
 *
 * @param name of its package, or where that is: its file is looked at before it is loaded.
 * @throws what keeps it from loading, also if its file is not a whole one.
 */
export function loadKoffi(name: string = `@koromix/koffi-linux-${process.arch}`): Koffi {
  const libc = glibcVersion() === undefined ? 'musl' : 'glibc';
  const { places } = surroundingsOf('@pageferry/linux-ffi', import.meta.url);
  const path = resolveFrom(places, `${name}/${NATIVE[libc]}`);
  if (path !== undefined && isCutOff(path)) throw new Error(`${path} is not a whole file`);
  return packages.requireKoffi(process.arch, libc) as Koffi;
}
