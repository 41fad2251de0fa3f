import { describeOtherUsers } from '@pageferry/testkit';
import { vmspliceFfi } from '@pageferry/vmsplice-ffi';

describeOtherUsers({
  transport: vmspliceFfi,
  moduleUrl: new URL('../dist/index.js', import.meta.url).href,
  exportName: 'vmspliceFfi',
  knowsWho: true,
});
