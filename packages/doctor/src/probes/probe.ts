import { isPageferryError } from '@pageferry/core';
import { errnoName } from '@pageferry/linux';

/**
 * A step on the way of bytes from one process to another:
 *
 * | hop                   | from           | to                                          |
 * |-----------------------|----------------|---------------------------------------------|
 * | `vmsplice`            | user memory    | pipe                                        |
 * | `write`               | user memory    | pipe                                        |
 * | `read`                | pipe           | user memory                                 |
 * | `vmsplice-read`       | pipe           | user memory, by vmsplice on the read end    |
 * | `splice-pipe`         | pipe           | another pipe                                |
 * | `tee`                 | pipe           | another pipe, and it stays where it was too |
 * | `splice-memfd`        | pipe           | a memfd                                     |
 * | `splice-file`         | pipe           | a file on this disk                         |
 * | `splice-direct-file`  | pipe           | the same, opened with `O_DIRECT`            |
 * | `splice-unix-socket`  | pipe           | a Unix socket                               |
 * | `splice-tcp-loopback` | pipe           | a TCP connection to this machine            |
 * | `mmap-memfd`          | a shared memfd | memory of two processes                     |
 */
export type HopName =
  | 'vmsplice'
  | 'write'
  | 'read'
  | 'vmsplice-read'
  | 'splice-pipe'
  | 'tee'
  | 'splice-memfd'
  | 'splice-file'
  | 'splice-direct-file'
  | 'splice-unix-socket'
  | 'splice-tcp-loopback'
  | 'mmap-memfd';

/**
 * - `references`: what comes out is the page that went in.
 * - `copies`: it is another page, with what was in the first one at the time.
 * - `unavailable`: it could not be tried.
 */
export type ProbeResult = 'references' | 'copies' | 'unavailable';

/** What was seen at one hop, and what it means. */
export interface Finding {
  /** What the experiment has shown. */
  readonly result: ProbeResult;
  /** What was seen, in one sentence. */
  readonly evidence: string;
  /** Positive number of the error, where a call failed. */
  readonly errno?: number;
  /** Its name, for example `EPERM`. */
  readonly errnoName?: string;
}

/** What is known about one hop on this kernel. */
export interface Probe extends Finding {
  /** Which step on the way of a page it is about. */
  readonly hop: HopName;
}

/** The finding about a hop that could not be tried. */
export function unavailable(error: unknown): Finding {
  const evidence = error instanceof Error ? error.message : String(error);
  const errno = errnoOf(error);
  if (errno === undefined) return { result: 'unavailable', evidence };
  return { result: 'unavailable', evidence, errno, errnoName: errnoName(errno) };
}

/** The positive errno behind an error of Pageferry's or of Node's, where there is one. */
function errnoOf(error: unknown): number | undefined {
  const known = isPageferryError(error) || error instanceof Error;
  const errno = known ? (error as { errno?: unknown }).errno : undefined;
  return typeof errno === 'number' ? Math.abs(errno) : undefined;
}
