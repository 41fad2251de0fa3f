import { lstatSync, readdirSync, rmdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { clock, EndpointPath, probeSocketFile } from '@pageferry/core';
import { ABANDONED_AGE } from './file.js';

/** How the folders begin in which a socket is bound before it comes to its endpoint: see `listenHidden`. */
export const HIDDEN_PREFIX = '.pf-';

/** The prefix, and what `mkdtemp` puts behind it. */
const HIDDEN_FOLDER = /^\.pf-[A-Za-z0-9]{6}$/;

/**
 * Removes what processes of this user have left in `folder` that were killed while they bound a socket. One that binds is
 * done within a moment: so a hidden folder is left over if it is old and nobody listens in it. Never fails: what cannot be
 * looked at, or be removed, stays.
 */
export async function sweepHidden(folder: string): Promise<void> {
  for (const name of namesIn(folder)) {
    const hidden = join(folder, name);
    if (HIDDEN_FOLDER.test(name) && isAbandoned(hidden)) await sweep(hidden);
  }
}

/** Removes a hidden folder, unless somebody listens in it, or there is something else in it. */
async function sweep(hidden: string): Promise<void> {
  const [name, ...others] = namesIn(hidden);
  if (others.length > 0) return;
  try {
    if (name !== undefined) {
      const file = join(hidden, name);
      if (!lstatSync(file, { bigint: true }).isSocket()) return;
      if ((await probeSocketFile(new EndpointPath(file))) !== 'stale') return;
      unlinkSync(file);
    }
    rmdirSync(hidden);
  } catch {
    // Somebody else has removed it, or may.
  }
}

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
