import { linkSync, lstatSync, renameSync, statSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { endpointError, foreignEndpoint, invalidEndpoint } from './errors.js';

/**
 * Tells one file from another. Inode numbers alone are not enough: they are used again. The time of
 * the last change to the content is the one that neither links nor renames touch.
 */
export interface FileIdentity {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly mtimeNs: bigint;
}

/** The identity of the file at `path`, a link not followed; `undefined` if there is none. */
export function identify(path: string): FileIdentity | undefined {
  const found = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return found && { dev: found.dev, ino: found.ino, mtimeNs: found.mtimeNs };
}

/** True if both are the same file. */
export function isSame(one: FileIdentity, other: FileIdentity | undefined): boolean {
  return one.dev === other?.dev && one.ino === other.ino && one.mtimeNs === other.mtimeNs;
}

/**
 * Passes an endpoint that is a socket of this user or of root, or where nothing is yet.
 *
 * @param follow whether a symbolic link to a socket will do.
 * @returns false if nothing is there.
 * @throws `ENDPOINT_INVALID`, `ENDPOINT_FORBIDDEN`.
 */
export function checkSocketFile(path: string, follow: boolean): boolean {
  try {
    const found = follow
      ? statSync(path, { bigint: true, throwIfNoEntry: false })
      : lstatSync(path, { bigint: true, throwIfNoEntry: false });
    if (found === undefined) return false;
    if (!found.isSocket()) throw invalidEndpoint(path);
    const owner = Number(found.uid);
    if (owner !== process.geteuid?.() && owner !== 0) throw foreignEndpoint(path);
    return true;
  } catch (error) {
    throw endpointError(error, path);
  }
}

/** @throws `ENDPOINT_INVALID` if `folder` is none, `ENDPOINT_FORBIDDEN` if it is out of reach. */
export function checkFolder(folder: string, endpoint: string): void {
  let isFolder: boolean;
  try {
    isFolder = statSync(folder, { bigint: true }).isDirectory();
  } catch (error) {
    throw endpointError(error, endpoint);
  }
  const missing = Object.assign(new Error(`no folder: ${folder}`), { code: 'ENOTDIR' });
  if (!isFolder) throw endpointError(missing, endpoint);
}

/**
 * Finds out whether anybody listens at a socket file.
 *
 * @returns `undefined` if the file is gone.
 * @throws `ENDPOINT_FORBIDDEN`, `SYSTEM_CALL_FAILED`.
 */
export function probeSocketFile(path: string): Promise<'live' | 'stale' | undefined> {
  return new Promise((resolve, reject) => {
    const probe = connect({ path });
    probe.once('connect', () => {
      probe.destroy();
      resolve('live');
    });
    probe.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') resolve('stale');
      else if (error.code === 'ENOENT') resolve(undefined);
      // Its queue is full, or it is another type of socket: somebody is there.
      else if (error.code === 'EAGAIN' || error.code === 'EPROTOTYPE') resolve('live');
      else reject(endpointError(error, path));
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
    throw endpointError(error, path);
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
    if (!NO_LINKS.has(code)) throw endpointError(error, path);
  }
  if (identify(path) !== undefined) return false;
  renameSync(file, path);
  return true;
}
