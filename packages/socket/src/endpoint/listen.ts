import {
  chmodSync,
  chownSync,
  closeSync,
  mkdtempSync,
  openSync,
  rmdirSync,
  unlinkSync,
} from 'node:fs';
import type { Server } from 'node:net';
import { dirname, join } from 'node:path';
import {
  type EndpointPath,
  endpointError,
  type FileRights,
  LONGEST_PATH,
  PageferryError,
  sweepAbandoned,
} from '@pageferry/core';

/** How the folders begin in which a socket is bound before it comes to its endpoint. */
const HIDDEN_PREFIX = '.pf-';

/** A socket file that is listened at, in a folder where nobody else can reach it. */
export interface HiddenSocket {
  readonly folder: string;
  /** Path of the socket file. Whoever moves it away makes it public. */
  readonly file: string;
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It is not.
  }
}

/**
 * Has `server` listen at a new socket file with these rights (0600 mostly) in a new folder of mode 0700 beside
 * `endpoint`. So there is no moment at which another user could connect, whatever the umask, and the
 * name under which Node will remove the file some day is not the endpoint's. What others have left there that were killed
 * in the middle of this is removed.
 *
 * @throws `ENDPOINT_INVALID`, `ENDPOINT_FORBIDDEN`, `ENDPOINT_TOO_LONG`, `SYSTEM_CALL_FAILED`.
 */
export async function listenHidden(
  server: Server,
  place: EndpointPath,
  { mode, gid }: FileRights,
): Promise<HiddenSocket> {
  const beside = dirname(place.absolute);
  await sweepAbandoned(beside, HIDDEN_PREFIX);
  let folder: string;
  try {
    folder = mkdtempSync(join(beside, HIDDEN_PREFIX));
  } catch (error) {
    throw endpointError(error, place);
  }
  let file = join(folder, 's');
  let address = file;
  let folderFd: number | undefined;
  try {
    if (process.platform === 'linux' && Buffer.byteLength(file) > LONGEST_PATH) {
      // Node will remove the file by this path one day, when the number may be another folder's.
      // Loaded here: few programs need it, and it is large.
      const name = process.getBuiltinModule('node:crypto').randomBytes(8).toString('hex');
      file = join(folder, name);
      folderFd = openSync(folder, 'r');
      address = `/proc/self/fd/${folderFd}/${name}`;
    }
    checkAddress(address, place);
    await listen(server, address);
    // Nobody else comes into the folder yet. First the group, which takes rights away from others.
    if (gid !== undefined) chownSync(file, process.geteuid?.() ?? -1, gid);
    chmodSync(file, mode);
    return { folder, file };
  } catch (error) {
    removeHidden({ folder, file });
    throw endpointError(error, place);
  } finally {
    if (folderFd !== undefined) closeSync(folderFd);
  }
}

/** Removes what is left in place of a hidden socket. */
export function removeHidden({ folder, file }: HiddenSocket): void {
  // By name: to list a folder takes a descriptor, of which there may be none.
  unlinkIfThere(file);
  try {
    rmdirSync(folder);
  } catch {
    // Somebody has removed it.
  }
}

/** Has `server` listen at `address`. */
export function listen(server: Server, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    // In a cluster, a worker would share its sockets with the others unless it says otherwise.
    server.listen({ path: address, exclusive: true }, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
}

function checkAddress(address: string, { given }: EndpointPath): void {
  const excess = Buffer.byteLength(address) - LONGEST_PATH;
  if (excess <= 0) return;
  throw new PageferryError(
    'ENDPOINT_TOO_LONG',
    `the path of the endpoint's folder is ${excess} bytes too long on this platform: ${given}`,
  );
}
