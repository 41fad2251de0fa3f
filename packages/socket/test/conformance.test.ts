import { describeTransport } from '@pageferry/conformance';
import { socketTransport } from '@pageferry/socket';

describeTransport({
  transport: socketTransport,
  moduleUrl: new URL('../bundle/index.js', import.meta.url).href,
  exportName: 'socketTransport',
  knowsPeers: false,
});
