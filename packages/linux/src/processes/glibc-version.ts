/**
 * The version of the glibc that this Node runs with; `undefined` where it runs with another C library, or does not say.
 *
 * Node is asked, and not the files of a distribution: musl is not only on Alpine, and Alpine may have a glibc.
 */
export function glibcVersion(): string | undefined {
  const report = process.report as typeof process.report & { excludeNetwork?: boolean };
  const { excludeNetwork } = report;
  // It would look up the names of all connections.
  report.excludeNetwork = true;
  try {
    const { header } = report.getReport() as { header?: { glibcVersionRuntime?: string } };
    return header?.glibcVersionRuntime;
  } finally {
    if (excludeNetwork !== undefined) report.excludeNetwork = excludeNetwork;
  }
}
