import { describeChannelPairs } from '@pageferry/testkit';
import { channelPair } from '@pageferry/vmsplice-ffi';

describeChannelPairs({
  channelPair,
  moduleUrl: new URL('../dist/index.js', import.meta.url).href,
  exportName: 'vmspliceFfi',
});
