import { openSocketPair } from '@pageferry/connection';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { describeInheritance } from '@pageferry/testkit';
import { sharedMmapWithFfi } from './programs/with-ffi.js';

describeInheritance({
  transport: sharedMmapWithFfi,
  moduleUrl: new URL('./programs/with-ffi.js', import.meta.url).href,
  exportName: 'sharedMmapWithFfi',
  calls: loadLinuxCalls(),
  openSocketPair,
});
