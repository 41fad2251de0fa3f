import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { checkEndpoint, PageferryError } from '@pageferry/core';

/** True where an endpoint is a named pipe rather than a file. */
export const NAMED_PIPES = process.platform === 'win32';

/** Longest path in a Unix socket's address, in bytes (`sun_path`, unix(7), without its final zero). */
export const LONGEST_PATH = ['linux', 'android'].includes(process.platform) ? 107 : 103;

/**
 * What to listen at and to connect to for an endpoint: the path itself, or the pipe that stands for
 * it on Windows. A path that names a pipe already (`\\.\pipe\…`) is taken as it is.
 *
 * @throws `INVALID_ARGUMENT`, `ENDPOINT_INVALID`, `ENDPOINT_TOO_LONG`. Node itself would cut a long
 *   path short and use another file.
 */
export function toAddress(endpoint: string): string {
  checkEndpoint(endpoint);
  if (NAMED_PIPES) return pipeName(endpoint);
  const byteLength = Buffer.byteLength(endpoint);
  if (byteLength <= LONGEST_PATH) return endpoint;
  throw new PageferryError(
    'ENDPOINT_TOO_LONG',
    `the endpoint path has ${byteLength} bytes, ${LONGEST_PATH} are possible: ${endpoint}`,
  );
}

/** The name of the pipe for a path on Windows, where neither case nor the kind of slash matters. */
export function pipeName(endpoint: string): string {
  if (/^[\\/]{2}[.?][\\/]pipe[\\/]/i.test(endpoint)) return endpoint;
  const path = resolve(endpoint).replaceAll('/', '\\').toLowerCase();
  return `\\\\.\\pipe\\pageferry-${createHash('sha256').update(path).digest('hex')}`;
}
