import { describeLinuxCalls, nodeSharesMemory } from '@pageferry/conformance/linux-calls';
import { withTimedWatchers } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';

const calls = withTimedWatchers(loadLinuxCalls());

// What Bun and Deno get: neither lets an addon wait on its event loop.
describeLinuxCalls({
  name: '@pageferry/linux-napi with timed watchers',
  load: () => calls,
  sharesWithThreads: nodeSharesMemory(),
  moduleUrl: new URL('programs/timed-linux-calls.mjs', import.meta.url).href,
});
