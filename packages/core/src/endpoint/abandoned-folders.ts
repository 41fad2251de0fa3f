import { lstatSync, readdirSync, rmdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { clock } from '../waiting/clock.js';
import { EndpointPath } from './endpoint-path.js';
import { probeSocketFile } from './probe-socket-file.js';

/**
 * A folder that is there for a moment, or has a socket in it that somebody listens at, and is older than this, in
 * milliseconds, was left by a process that was killed.
 */
export const ABANDONED_AGE = 10_000;

/** What `mkdtemp` puts behind a prefix. */
const RANDOM = /^[A-Za-z0-9]{6}$/;

/**
 * Removes what processes of this user have left in `folder` that were killed: the folders that they had made there with
 * `mkdtemp` and this prefix, for one socket. One is left over if it is old and nobody listens in it. Never fails: what cannot
 * be looked at, or be removed, stays.
 */
export async function sweepAbandoned(folder: string, prefix: string): Promise<void> {
  for (const name of namesIn(folder)) {
    if (!name.startsWith(prefix) || !RANDOM.test(name.slice(prefix.length))) continue;
    const path = join(folder, name);
    if (isAbandoned(path)) await sweep(path);
  }
}

/** Removes a folder, unless somebody listens in it, or there is something else in it. */
async function sweep(folder: string): Promise<void> {
  const [name, ...others] = namesIn(folder);
  if (others.length > 0) return;
  try {
    if (name !== undefined) await removeEntry(join(folder, name));
    rmdirSync(folder);
  } catch {
    // There is something in it, or somebody else has removed it, or may.
  }
}

async function removeEntry(path: string): Promise<void> {
  // Its process was killed while it bound the socket, for which it makes a folder.
  if (isAbandoned(path)) return sweep(path);
  if (!lstatSync(path, { bigint: true }).isSocket()) return;
  if ((await probeSocketFile(new EndpointPath(path))) === 'stale') unlinkSync(path);
}

/** Whether it is a folder of this user's that nobody has changed lately. */
function isAbandoned(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false, bigint: true });
  if (found === undefined || !found.isDirectory() || Number(found.uid) !== process.geteuid?.())
    return false;
  return clock.timeOrigin + clock.now() - Number(found.mtimeMs) > ABANDONED_AGE;
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // To list a folder takes a descriptor, of which there may be none.
  }
}
