import { describeLinuxCalls, nodeSharesMemory } from '@pageferry/conformance/linux-calls';
import { loadLinuxCalls } from '@pageferry/linux-napi';

describeLinuxCalls({
  name: '@pageferry/linux-napi',
  load: loadLinuxCalls,
  moduleUrl: new URL('../dist/index.js', import.meta.url).href,
  sharesWithThreads: nodeSharesMemory(),
});
