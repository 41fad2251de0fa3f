import { describeLinuxCalls } from '@pageferry/conformance/linux-calls';
import { beforeAll, describe, test, vi } from 'vitest';
import { loadLinuxCalls } from './fixtures/node-binding.js';

if (process.getBuiltinModule('node:ffi') === undefined) {
  describe('@pageferry/linux-ffi, node:ffi', () => {
    test.skip('needs Node 26.9 or later: run `pnpm --filter @pageferry/linux-ffi test:node-ffi`');
  });
} else {
  // For the child processes, which inherit it: what they write to stderr is looked at.
  vi.stubEnv('NODE_OPTIONS', '--disable-warning=ExperimentalWarning');

  // Its threads are started once and kept, with what belongs to them.
  beforeAll(async () => {
    const splices = Array.from({ length: 4 }, () => loadLinuxCalls().spliceOnThread(-1, -1, 1, 0));
    await Promise.all(splices);
  });

  describeLinuxCalls({
    name: '@pageferry/linux-ffi, node:ffi',
    load: loadLinuxCalls,
    moduleUrl: new URL('./fixtures/node-binding.js', import.meta.url).href,
    collectsMappings: false,
    explainsWrites: false,
  });
}
