import { describeOtherUsers } from '@pageferry/testkit';
import { sharedMmapWithFfi } from './programs/with-ffi.js';

describeOtherUsers({
  transport: sharedMmapWithFfi,
  moduleUrl: new URL('./programs/with-ffi.js', import.meta.url).href,
  exportName: 'sharedMmapWithFfi',
  knowsWho: true,
});
