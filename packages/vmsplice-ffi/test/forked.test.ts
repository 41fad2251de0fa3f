import { openSocketPair } from '@pageferry/connection';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { describeForks } from '@pageferry/testkit';
import { vmspliceFfi } from '@pageferry/vmsplice-ffi';

describeForks({
  transport: vmspliceFfi,
  moduleUrl: new URL('../dist/index.js', import.meta.url).href,
  exportName: 'vmspliceFfi',
  calls: loadLinuxCalls(),
  openSocketPair,
});
