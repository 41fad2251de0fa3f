import { loadLinuxCalls } from '@pageferry/linux-ffi';
import { describePipeChannels } from '@pageferry/testkit';
import { vmspliceFfi } from '@pageferry/vmsplice-ffi';

describePipeChannels({
  transport: vmspliceFfi,
  moduleUrl: new URL('../dist/index.js', import.meta.url).href,
  exportName: 'vmspliceFfi',
  calls: loadLinuxCalls(),
});
