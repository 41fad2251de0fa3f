import { describePipePrograms } from '@pageferry/conformance';
import * as backend from '@pageferry/vmsplice-ffi';

describePipePrograms({
  ...backend,
  name: 'vmsplice-ffi',
  moduleUrl: new URL('../dist/index.js', import.meta.url).href,
});
