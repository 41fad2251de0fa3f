import { describeTransport } from '@pageferry/conformance';
import { socketTransport } from '../dist/index.js';

describeTransport({
  transport: socketTransport,
  moduleUrl: new URL('../dist/index.js', import.meta.url).href,
  exportName: 'socketTransport',
  knowsPeers: false,
});
