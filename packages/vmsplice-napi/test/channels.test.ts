import { loadLinuxCalls } from '@pageferry/linux-napi';
import { describePipeChannels } from '@pageferry/testkit';
import { vmspliceNapi } from '@pageferry/vmsplice-napi';

describePipeChannels({
  transport: vmspliceNapi,
  moduleUrl: new URL('../dist/index.js', import.meta.url).href,
  exportName: 'vmspliceNapi',
  calls: loadLinuxCalls(),
});
