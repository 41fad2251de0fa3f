import { readdirSync, readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { until } from './until.js';

/** What a process has open, and what lies in the folder of its endpoints. */
export interface Possessions {
  readonly descriptors: number;
  readonly mappings: number;
  readonly files: readonly string[];
}

/** Looks at this process and at `folder`. */
export function possessions(folder: string): Possessions {
  return {
    descriptors: readdirSync('/proc/self/fd').length,
    mappings: readFileSync('/proc/self/maps', 'latin1').split('/memfd:pageferry-').length - 1,
    files: readdirSync(folder),
  };
}

/**
 * Waits until no more is left than there was `before`: watchers and handshakes give back in later turns of the event
 * loop, and memory when it is garbage.
 *
 * @returns what is still left when that has taken far too long, or `undefined`.
 */
export async function leftoversSince(
  before: Possessions,
  folder: string,
): Promise<string | undefined> {
  const isGone = (now: Possessions): boolean =>
    now.descriptors <= before.descriptors &&
    now.mappings <= before.mappings &&
    now.files.length <= before.files.length;
  let isFirst = true;
  const isAllGone = await until(() => {
    const now = possessions(folder);
    if (isGone(now)) return true;
    if (!isFirst && now.mappings > before.mappings) collectGarbage();
    isFirst = false;
    return false;
  });
  return isAllGone ? undefined : differences(before, possessions(folder));
}

function differences(before: Possessions, now: Possessions): string {
  return [
    `${now.descriptors - before.descriptors} descriptors`,
    `${now.mappings - before.mappings} mappings`,
    `files ${JSON.stringify(now.files.filter((file) => !before.files.includes(file)))}`,
  ].join(', ');
}

/** Has the garbage collected, all of it. */
export function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
}
