import { resolve } from 'node:path';
import type { EndpointPath } from '@pageferry/core';

/** True where an endpoint is a named pipe rather than a file. */
export const NAMED_PIPES = process.platform === 'win32';

/**
 * What to connect to for an endpoint: its path, or the pipe that stands for it on Windows. A path that
 * names a pipe already (`\\.\pipe\…`) is taken as it is.
 */
export function toAddress(place: EndpointPath): string {
  if (!NAMED_PIPES) return place.address();
  return pipeName(place.folderOfName === undefined ? place.given : place.absolute);
}

/** The name of the pipe for a path on Windows, where neither case nor the kind of slash matters. */
export function pipeName(endpoint: string): string {
  if (/^[\\/]{2}[.?][\\/]pipe[\\/]/i.test(endpoint)) return endpoint;
  const path = resolve(endpoint).replaceAll('/', '\\').toLowerCase();
  // Loaded here: only Windows needs it, and it is large.
  const { createHash } = process.getBuiltinModule('node:crypto');
  return `\\\\.\\pipe\\pageferry-${createHash('sha256').update(path).digest('hex')}`;
}
