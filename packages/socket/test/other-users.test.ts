import { socketTransport } from '@pageferry/socket';
import { describeOtherUsers } from '@pageferry/testkit';

describeOtherUsers({
  transport: socketTransport,
  moduleUrl: new URL('../bundle/index.js', import.meta.url).href,
  exportName: 'socketTransport',
  knowsWho: false,
});
