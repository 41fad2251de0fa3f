import { openSocketPair } from '@pageferry/connection';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { describeInheritance } from '@pageferry/testkit';
import { vmspliceFfi } from '@pageferry/vmsplice-ffi';

describeInheritance({
  transport: vmspliceFfi,
  moduleUrl: new URL('../dist/index.js', import.meta.url).href,
  exportName: 'vmspliceFfi',
  calls: loadLinuxCalls(),
  openSocketPair,
});
