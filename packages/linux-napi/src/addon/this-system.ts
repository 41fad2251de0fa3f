/** The C library that this Node runs with, as Node tells it; `version` is glibc's. */
export interface CLibrary {
  readonly name: 'glibc' | 'musl';
  readonly version: string | undefined;
}

/**
 * Asks Node, and not the files of a distribution: musl is not only on Alpine, and Alpine may have a glibc.
 */
export function cLibraryOfThisSystem(): CLibrary {
  const report = process.report as typeof process.report & { excludeNetwork?: boolean };
  const { excludeNetwork } = report;
  // It would look up the names of all connections.
  report.excludeNetwork = true;
  try {
    const { header } = report.getReport() as { header?: { glibcVersionRuntime?: string } };
    const version = header?.glibcVersionRuntime;
    return { name: version === undefined ? 'musl' : 'glibc', version };
  } finally {
    if (excludeNetwork !== undefined) report.excludeNetwork = excludeNetwork;
  }
}
