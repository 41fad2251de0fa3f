import { describeOtherUsers } from '@pageferry/testkit';
import { vmspliceNapi } from '@pageferry/vmsplice-napi';

describeOtherUsers({
  transport: vmspliceNapi,
  moduleUrl: new URL('../dist/index.js', import.meta.url).href,
  exportName: 'vmspliceNapi',
  knowsWho: true,
});
