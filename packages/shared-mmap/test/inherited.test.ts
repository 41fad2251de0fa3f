import { openSocketPair } from '@pageferry/connection';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { sharedMmap } from '@pageferry/shared-mmap';
import { describeInheritance } from '@pageferry/testkit';

describeInheritance({
  transport: sharedMmap,
  moduleUrl: new URL('../bundle/index.js', import.meta.url).href,
  exportName: 'sharedMmap',
  calls: loadLinuxCalls(),
  openSocketPair,
});
