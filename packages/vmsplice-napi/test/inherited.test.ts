import { openSocketPair } from '@pageferry/connection';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { describeInheritance } from '@pageferry/testkit';
import { vmspliceNapi } from '@pageferry/vmsplice-napi';

describeInheritance({
  transport: vmspliceNapi,
  moduleUrl: new URL('../dist/index.js', import.meta.url).href,
  exportName: 'vmspliceNapi',
  calls: loadLinuxCalls(),
  openSocketPair,
});
