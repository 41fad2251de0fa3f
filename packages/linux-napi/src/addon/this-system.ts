import { glibcVersion } from '@pageferry/linux';

/** The C library that this Node runs with, as Node tells it; `version` is glibc's. */
export interface CLibrary {
  readonly name: 'glibc' | 'musl';
  readonly version: string | undefined;
}

/** What Node says of the C library that it runs with. */
export function cLibraryOfThisSystem(): CLibrary {
  const version = glibcVersion();
  return { name: version === undefined ? 'musl' : 'glibc', version };
}
