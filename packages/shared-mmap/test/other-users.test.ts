import { sharedMmap } from '@pageferry/shared-mmap';
import { describeOtherUsers } from '@pageferry/testkit';

describeOtherUsers({
  transport: sharedMmap,
  moduleUrl: new URL('../bundle/index.js', import.meta.url).href,
  exportName: 'sharedMmap',
  knowsWho: true,
});
