import { describePipePrograms } from '@pageferry/conformance';
import * as backend from '@pageferry/vmsplice-napi';

describePipePrograms({
  ...backend,
  name: 'vmsplice-napi',
  moduleUrl: new URL('../dist/index.js', import.meta.url).href,
});
