import { describeChannelPairs } from '@pageferry/testkit';
import { channelPair } from '@pageferry/vmsplice-napi';

describeChannelPairs({
  channelPair,
  moduleUrl: new URL('../dist/index.js', import.meta.url).href,
  exportName: 'vmspliceNapi',
});
