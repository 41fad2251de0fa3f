import { linkSync, mkdirSync, renameSync, rmdirSync, statSync, unlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import {
  ABANDONED_AGE,
  clock,
  endpointError,
  type FileIdentity,
  identify,
  isSame,
} from '@pageferry/core';

/**
 * Removes a stale socket file, and no other: two senders that start together may both have found it, and by now
 * the other one's fresh file may be in its place. No system call removes a file on condition, so that they take
 * turns: nobody else puts a file where one is, and nobody else removes this one.
 *
 * Does nothing while another sender has its turn.
 */
export function removeStale(path: string, stale: FileIdentity): void {
  const lock = join(dirname(path), `.pf-${basename(path)}.lock`);
  try {
    if (!takeLock(lock)) return;
    try {
      if (isSame(stale, identify(path))) unlinkSync(path);
    } finally {
      rmdirSync(lock);
    }
  } catch (error) {
    throw endpointError(error, { given: path, absolute: path });
  }
}

/** Makes a folder that nobody else has made. */
function takeLock(path: string): boolean {
  try {
    mkdirSync(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const found = statSync(path, { throwIfNoEntry: false, bigint: true });
  const now = clock.timeOrigin + clock.now();
  if (found !== undefined && now - Number(found.mtimeMs) > ABANDONED_AGE) rmdirSync(path);
  return false;
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
