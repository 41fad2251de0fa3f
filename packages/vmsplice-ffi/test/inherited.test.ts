import { vmspliceFfi } from '@pageferry/vmsplice-ffi';
import { describeInheritance } from '../../connection/test/support/inheritance.js';

describeInheritance({
  transport: vmspliceFfi,
  moduleUrl: new URL('../dist/index.js', import.meta.url).href,
  exportName: 'vmspliceFfi',
});
