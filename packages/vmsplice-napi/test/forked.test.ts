import { openSocketPair } from '@pageferry/connection';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { describeForks } from '@pageferry/testkit';
import { vmspliceNapi } from '@pageferry/vmsplice-napi';

describeForks({
  transport: vmspliceNapi,
  moduleUrl: new URL('../dist/index.js', import.meta.url).href,
  exportName: 'vmspliceNapi',
  calls: loadLinuxCalls(),
  openSocketPair,
});
