import { vmspliceNapi } from '@pageferry/vmsplice-napi';
import { describeInheritance } from '../../connection/test/support/inheritance.js';

describeInheritance({
  transport: vmspliceNapi,
  moduleUrl: new URL('../dist/index.js', import.meta.url).href,
  exportName: 'vmspliceNapi',
});
