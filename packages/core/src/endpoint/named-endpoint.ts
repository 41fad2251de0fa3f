import { chmodSync, lstatSync, mkdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { PageferryError } from '../errors.js';

/** What makes a path of an endpoint. Windows has one more kind of slash, and drives. */
const SEPARATORS = process.platform === 'win32' ? /[\\/:]/ : /\//;

/**
 * True for an endpoint that is a name: it has no slash, and is no inherited descriptor either (`fd:N`). A file
 * of the working directory is `./NAME`.
 */
export function isNamedEndpoint(endpoint: string): boolean {
  return !SEPARATORS.test(endpoint) && !endpoint.startsWith('fd:');
}

/** The file that a named endpoint stands for. It is the same for all processes of a user and an environment. */
export function pathOfName(name: string): string {
  return join(folderOfNames(), name);
}

/**
 * The endpoint as messages show it: where it is a name, with the file that it stands for, because a process with
 * another environment may look elsewhere.
 */
export function describeEndpoint(endpoint: string): string {
  return isNamedEndpoint(endpoint) ? `${endpoint} (${pathOfName(endpoint)})` : endpoint;
}

/**
 * Makes the folder of a named endpoint where it is missing, and checks that nobody but this user can enter it: a
 * folder for temporary files is open to all, and whoever comes first there may make any name in it.
 *
 * @param folder of an endpoint that is a name.
 * @throws `ENDPOINT_FORBIDDEN` if it is a link, another user's or open to others. An error of Node's if it cannot
 *   be made.
 */
export function ensureFolderOfNames(folder: string): void {
  makeFolder(folder);
  if (process.platform === 'win32') return;
  const { mode, uid } = checkIsFolder(folder);
  const user = process.geteuid?.();
  if (uid !== user) {
    throw forbidden(folder, `is user ${uid}'s, and this process runs as user ${user}`);
  }
  if ((mode & 0o077) === 0) return;
  throw forbidden(folder, `may be entered by other users: set its mode to 0700`);
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { mode: 0o700 });
    // A set-group-id bit of the parent and an unusual umask make something else of it.
    chmodSync(folder, 0o700);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/** Symbolic links are not followed: who made the link chose where it leads. */
function checkIsFolder(folder: string): { readonly mode: number; readonly uid: number } {
  const found = lstatSync(folder, { bigint: true });
  if (found.isDirectory()) return { mode: Number(found.mode), uid: Number(found.uid) };
  throw forbidden(folder, `is ${found.isSymbolicLink() ? 'a symbolic link' : 'no folder'}`);
}

function forbidden(folder: string, what: string): PageferryError {
  const words = `the folder of endpoints that are names, ${folder}, ${what}`;
  return new PageferryError('ENDPOINT_FORBIDDEN', words);
}

/** Looked up anew each time, as everything else that a program may set for itself before it begins. */
function folderOfNames(): string {
  const { XDG_RUNTIME_DIR: runtime } = process.env;
  if (runtime !== undefined && isAbsolute(runtime) && isOwn(runtime))
    return join(runtime, 'pageferry');
  const user = process.geteuid?.();
  return resolve(tmpdir(), user === undefined ? 'pageferry' : `pageferry-${user}`);
}

/** False for what `su` leaves in the environment: the folder of the user who has called it. */
function isOwn(folder: string): boolean {
  const found = statSync(folder, { bigint: true, throwIfNoEntry: false });
  return found?.isDirectory() === true && Number(found.uid) === process.geteuid?.();
}
