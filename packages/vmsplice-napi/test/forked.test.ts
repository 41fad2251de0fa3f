import { vmspliceNapi } from '@pageferry/vmsplice-napi';
import { describeForks } from '../../connection/test/support/forks.js';

describeForks({
  transport: vmspliceNapi,
  moduleUrl: new URL('../dist/index.js', import.meta.url).href,
  exportName: 'vmspliceNapi',
});
