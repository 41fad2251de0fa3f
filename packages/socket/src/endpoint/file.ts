import { linkSync, renameSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import {
  type EndpointPath,
  endpointError,
  type FileIdentity,
  identify,
  isSame,
  SOCKET_FILE_STATES,
} from '@pageferry/core';

/**
 * Finds out whether anybody listens at a socket file.
 *
 * @throws `ENDPOINT_FORBIDDEN`, `SYSTEM_CALL_FAILED`.
 */
export function probeSocketFile(place: EndpointPath): Promise<'live' | 'stale' | 'gone'> {
  return new Promise((resolve, reject) => {
    const probe = connect({ path: place.address() });
    probe.once('connect', () => {
      probe.destroy();
      resolve('live');
    });
    probe.once('error', (error: NodeJS.ErrnoException) => {
      const state = SOCKET_FILE_STATES[error.code ?? ''];
      if (state === undefined) reject(endpointError(error, place));
      else resolve(state);
    });
  });
}

/**
 * Removes a stale socket file, and no other: two senders that start together may both have found it,
 * and by now the other one's fresh file may be in its place. No system call removes a file on
 * condition, so the file is moved aside first and looked at there; a wrong one is put back. It is
 * lost only if a third sender starts in those few microseconds.
 *
 * @param aside a path of this process's own, on the same file system.
 */
export function removeStale(path: string, stale: FileIdentity, aside: string): void {
  if (!isSame(stale, identify(path))) return;
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw endpointError(error, { given: path, absolute: path });
  }
  if (isSame(stale, identify(aside))) unlinkSync(aside);
  else moveIfFree(aside, path);
}

/** What `link` answers where a file system or a platform has no hard links to sockets. */
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

/**
 * Moves a file to `path` if nothing is there. A link, and not a rename, because that would replace
 * what is there.
 *
 * @returns false if something is there; the file has not moved then.
 * @throws `ENDPOINT_FORBIDDEN`, `SYSTEM_CALL_FAILED`.
 */
export function moveIfFree(file: string, path: string): boolean {
  try {
    linkSync(file, path);
    unlinkSync(file);
    return true;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (code === 'EEXIST') return false;
    if (!NO_LINKS.has(code)) throw endpointError(error, { given: path, absolute: path });
  }
  if (identify(path) !== undefined) return false;
  renameSync(file, path);
  return true;
}
