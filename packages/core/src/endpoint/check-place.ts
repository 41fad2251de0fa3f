import { type BigIntStats, lstatSync, readlinkSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { PageferryError } from '../errors.js';
import { endpointError, foreignEndpoint, unusableEndpoint } from './endpoint-error.js';
import type { EndpointPath } from './endpoint-path.js';
import type { FileIdentity } from './file-identity.js';
import { ensureFolderOfNames } from './named-endpoint.js';

/**
 * Makes the folder of an endpoint that is a name, where it is missing, and checks that it is this user's alone. Does
 * nothing for a path: its folder is for its user to make.
 *
 * @throws `ENDPOINT_INVALID`, `ENDPOINT_FORBIDDEN`.
 */
export function prepareFolder(place: EndpointPath): void {
  const { folderOfName } = place;
  if (folderOfName !== undefined) attempt(place, () => ensureFolderOfNames(folderOfName));
}

/**
 * Passes an endpoint in a folder that is there: a receiver waits for the file, but waiting does not make a
 * folder, nor open one that is out of reach. The folder of a name is made, whoever comes first.
 *
 * @throws `ENDPOINT_INVALID`, `ENDPOINT_FORBIDDEN`.
 */
export function checkFolder(place: EndpointPath): void {
  prepareFolder(place);
  const found = attempt(place, () => statSync(dirname(place.absolute), { bigint: true }));
  if (!found.isDirectory()) throw unusableEndpoint('ENOTDIR', place);
}

/**
 * The socket file to connect to at an endpoint, symbolic links followed; `undefined` if nothing is there.
 *
 * @throws `ENDPOINT_INVALID` if it is something other than a socket, `ENDPOINT_FORBIDDEN` if this
 *   user may not look.
 */
export function findSocketFile(place: EndpointPath): BigIntStats | undefined {
  const found = attempt(place, () =>
    statSync(place.absolute, { bigint: true, throwIfNoEntry: false }),
  );
  if (found && !found.isSocket()) throw unusableEndpoint('ENOTSOCK', place);
  return found;
}

/**
 * The socket file in the place where a sender is to bind its own, which may replace it if nobody listens
 * there; `undefined` if nothing is there.
 *
 * @throws `ENDPOINT_INVALID` if it is something other than a socket, or a symbolic link: bind(2) does not
 *   follow that, and to replace it is not for a sender to decide. `ENDPOINT_FORBIDDEN` if it is another
 *   user's. That is for that user to replace, and for root, who may do it anyway.
 */
export function findReplaceable(place: EndpointPath): FileIdentity | undefined {
  const { absolute, given } = place;
  const found = attempt(place, () => lstatSync(absolute, { bigint: true, throwIfNoEntry: false }));
  if (found === undefined) return undefined;
  if (found.isSymbolicLink()) {
    const target = attempt(place, () => readlinkSync(absolute));
    throw new PageferryError(
      'ENDPOINT_INVALID',
      `the endpoint ${given} is a symbolic link to ${target}: a sender needs the path of the file itself`,
    );
  }
  if (!found.isSocket()) throw unusableEndpoint('ENOTSOCK', place);
  const user = process.geteuid?.();
  if (user !== 0 && Number(found.uid) !== user) throw foreignEndpoint(place);
  return found;
}

function attempt<T>(place: EndpointPath, look: () => T): T {
  try {
    return look();
  } catch (error) {
    throw endpointError(error, place);
  }
}

/** What it tells of a socket file, by the name of the errno, that it cannot be connected to. */
export const SOCKET_FILE_STATES: Readonly<Record<string, 'live' | 'stale' | 'gone'>> = {
  ECONNREFUSED: 'stale',
  ENOENT: 'gone',
  // Its queue is full, or it is another type of socket: somebody is there.
  EAGAIN: 'live',
  EPROTOTYPE: 'live',
};
