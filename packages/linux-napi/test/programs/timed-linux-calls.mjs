import { withTimedWatchers } from '@pageferry/linux';
import { loadLinuxCalls as load } from '@pageferry/linux-napi';

let calls;

/** What Bun and Deno get, in Node. */
export function loadLinuxCalls() {
  calls ??= withTimedWatchers(load());
  return calls;
}
