import { describeLinuxCalls } from '@pageferry/conformance/linux-calls';
import { loadLinuxCalls } from '@pageferry/linux-ffi';

describeLinuxCalls({
  name: '@pageferry/linux-ffi, koffi',
  load: () => loadLinuxCalls({ driver: 'koffi' }),
  moduleUrl: new URL('../dist/index.js', import.meta.url).href,
  collectsMappings: false,
  explainsWrites: false,
});
