// @ts-check
// The shared-memory transport with the calls over FFI as its default.
import { sharedMmap } from '@pageferry/shared-mmap';

/** @type {typeof sharedMmap} */
export const sharedMmapWithFfi = {
  ...sharedMmap,
  createSender: (options) => sharedMmap.createSender({ binding: 'ffi', ...options }),
  createReceiver: (options) => sharedMmap.createReceiver({ binding: 'ffi', ...options }),
};
