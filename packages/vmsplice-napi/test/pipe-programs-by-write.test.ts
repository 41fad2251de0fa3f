import { describePipePrograms } from '@pageferry/conformance';
import { EPERM } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { createPipePrograms } from '@pageferry/vmsplice';

const calls = { ...loadLinuxCalls(), vmsplice: () => -EPERM };

describePipePrograms({
  ...createPipePrograms(() => calls),
  name: 'vmsplice-napi where vmsplice is refused',
  moduleUrl: new URL('../dist/index.js', import.meta.url).href,
});
