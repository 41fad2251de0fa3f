import { channelPair } from '@pageferry/shared-mmap';
import { describeChannelPairs } from '@pageferry/testkit';

describeChannelPairs({
  channelPair,
  moduleUrl: new URL('../bundle/index.js', import.meta.url).href,
  exportName: 'sharedMmap',
});
