import { glibcVersion } from '@pageferry/linux';

/**
 * Opens the C library that this very Node is linked to, by opening the program itself: dlopen(3) with
 * a null name searches the program and everything that was loaded with it. So it is glibc or musl as
 * Node is, under whatever name, and never a second one.
 *
 * A program that is linked statically has no such list; there the usual names are tried.
 *
 * @param open opens a library by name, or throws.
 * @throws what `open` threw for the program itself, if nothing can be opened.
 */
export function openProgram<Library>(open: (name: string | null) => Library): Library {
  let reason: unknown;
  for (const name of [null, ...usualNames()]) {
    try {
      return open(name);
    } catch (error) {
      reason ??= error;
    }
  }
  throw reason;
}

function usualNames(): readonly string[] {
  // Node names the version of glibc that it runs on, and no other C library.
  if (glibcVersion() !== undefined) return ['libc.so.6'];
  const { [process.arch]: machine = process.arch } = MUSL_MACHINES;
  return [`libc.musl-${machine}.so.1`, `ld-musl-${machine}.so.1`];
}

/** What musl calls the processors that Node names otherwise. */
const MUSL_MACHINES: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64' };
