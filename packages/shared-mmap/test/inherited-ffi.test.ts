import { describeInheritance } from '../../connection/test/support/inheritance.js';
import { sharedMmapWithFfi } from './programs/with-ffi.js';

describeInheritance({
  transport: sharedMmapWithFfi,
  moduleUrl: new URL('./programs/with-ffi.js', import.meta.url).href,
  exportName: 'sharedMmapWithFfi',
});
