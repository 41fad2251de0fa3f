import { openSocketPair } from '@pageferry/connection';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { sharedMmap } from '@pageferry/shared-mmap';
import { describeForks } from '@pageferry/testkit';

describeForks({
  transport: sharedMmap,
  moduleUrl: new URL('../bundle/index.js', import.meta.url).href,
  exportName: 'sharedMmap',
  calls: loadLinuxCalls(),
  openSocketPair,
});
