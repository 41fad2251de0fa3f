import { describeTransport } from '@pageferry/conformance';
import { vmspliceFfi } from '@pageferry/vmsplice-ffi';

describeTransport({
  transport: vmspliceFfi,
  moduleUrl: new URL('../dist/index.js', import.meta.url).href,
  exportName: 'vmspliceFfi',
});
