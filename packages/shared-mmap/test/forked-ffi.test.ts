import { openSocketPair } from '@pageferry/connection';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { describeForks } from '@pageferry/testkit';
import { sharedMmapWithFfi } from './programs/with-ffi.js';

describeForks({
  transport: sharedMmapWithFfi,
  moduleUrl: new URL('./programs/with-ffi.js', import.meta.url).href,
  exportName: 'sharedMmapWithFfi',
  calls: loadLinuxCalls(),
  openSocketPair,
});
