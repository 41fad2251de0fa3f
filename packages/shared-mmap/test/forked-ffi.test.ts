import { describeForks } from '../../connection/test/support/forks.js';
import { sharedMmapWithFfi } from './programs/with-ffi.js';

describeForks({
  transport: sharedMmapWithFfi,
  moduleUrl: new URL('./programs/with-ffi.js', import.meta.url).href,
  exportName: 'sharedMmapWithFfi',
});
