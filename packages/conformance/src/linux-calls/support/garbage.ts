import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { turns } from './event-loop.js';

const ROUNDS = 100;

/** Collects garbage until `condition` holds, or has not for so long that it never will. */
export async function collectUntil(condition: () => boolean): Promise<void> {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  for (let round = 0; round < ROUNDS && !condition(); round++) {
    collectGarbage();
    await turns(1);
  }
}
