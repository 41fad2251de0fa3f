import { linkSync, lstatSync, renameSync, statSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import {
  checkNoLink,
  type EndpointPath,
  type FileIdentity,
  identify,
  isSame,
} from '@pageferry/core';
import { LONGEST_PATH } from './address.js';
import { endpointError, foreignEndpoint, invalidEndpoint } from './errors.js';

/**
 * Passes an endpoint that is a socket of this user or of root, or where nothing is yet.
 *
 * @param connects whether it is to be connected to: a symbolic link to a socket will do then. A socket that
 *   is to be replaced may be anybody's for root, who may do it anyway.
 * @returns false if nothing is there.
 * @throws `ENDPOINT_INVALID`, `ENDPOINT_FORBIDDEN`.
 */
export function checkSocketFile(place: EndpointPath, connects: boolean): boolean {
  const { absolute } = place;
  try {
    const found = connects
      ? statSync(absolute, { bigint: true, throwIfNoEntry: false })
      : lstatSync(absolute, { bigint: true, throwIfNoEntry: false });
    if (found === undefined) return false;
    if (!connects) checkNoLink(place);
    if (!found.isSocket()) throw invalidEndpoint(place.given);
    const user = process.geteuid?.();
    const owner = Number(found.uid);
    const isOurs = owner === user || owner === 0 || (user === 0 && !connects);
    if (!isOurs) throw foreignEndpoint(place);
    return true;
  } catch (error) {
    throw endpointError(error, place);
  }
}

/** @throws `ENDPOINT_INVALID` if `folder` is none, `ENDPOINT_FORBIDDEN` if it is out of reach. */
export function checkFolder(folder: string, place: EndpointPath): void {
  let isFolder: boolean;
  try {
    isFolder = statSync(folder, { bigint: true }).isDirectory();
  } catch (error) {
    throw endpointError(error, place);
  }
  const missing = Object.assign(new Error(`no folder: ${folder}`), { code: 'ENOTDIR' });
  if (!isFolder) throw endpointError(missing, place);
}

/**
 * Finds out whether anybody listens at a socket file.
 *
 * @returns `undefined` if the file is gone.
 * @throws `ENDPOINT_FORBIDDEN`, `SYSTEM_CALL_FAILED`.
 */
export function probeSocketFile(place: EndpointPath): Promise<'live' | 'stale' | undefined> {
  return new Promise((resolve, reject) => {
    const probe = connect({ path: place.address(LONGEST_PATH) });
    probe.once('connect', () => {
      probe.destroy();
      resolve('live');
    });
    probe.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') resolve('stale');
      else if (error.code === 'ENOENT') resolve(undefined);
      // Its queue is full, or it is another type of socket: somebody is there.
      else if (error.code === 'EAGAIN' || error.code === 'EPROTOTYPE') resolve('live');
      else reject(endpointError(error, place));
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
