import { describeTransport } from '@pageferry/conformance';
import { vmspliceNapi } from '@pageferry/vmsplice-napi';

describeTransport({
  transport: vmspliceNapi,
  moduleUrl: new URL('../dist/index.js', import.meta.url).href,
  exportName: 'vmspliceNapi',
});
