import { describeTransport } from '@pageferry/conformance';
import { describe, test, vi } from 'vitest';
import { vmspliceNodeFfi } from './fixtures/node-backend.js';

if (process.getBuiltinModule('node:ffi') === undefined) {
  describe('vmsplice-ffi over node:ffi', () => {
    test.skip('needs Node 26.9 or later: run `pnpm --filter @pageferry/linux-ffi test:node-ffi`');
  });
} else {
  // For the peers, which inherit it.
  vi.stubEnv('NODE_OPTIONS', '--disable-warning=ExperimentalWarning');
  describeTransport({
    transport: vmspliceNodeFfi,
    moduleUrl: new URL('./fixtures/node-backend.js', import.meta.url).href,
    exportName: 'vmspliceNodeFfi',
  });
}
