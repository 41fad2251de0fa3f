import { vmspliceFfi } from '@pageferry/vmsplice-ffi';
import { describeForks } from '../../connection/test/support/forks.js';

describeForks({
  transport: vmspliceFfi,
  moduleUrl: new URL('../dist/index.js', import.meta.url).href,
  exportName: 'vmspliceFfi',
});
