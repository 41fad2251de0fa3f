// @ts-check
// The shared-memory transport with the calls over FFI as its default.
import * as backend from '@pageferry/shared-mmap';

const { sharedMmap } = backend;

/** @type {typeof sharedMmap} */
export const sharedMmapWithFfi = {
  ...sharedMmap,
  createSender: (options) => sharedMmap.createSender({ binding: 'ffi', ...options }),
  createReceiver: (options) => sharedMmap.createReceiver({ binding: 'ffi', ...options }),
};

export const openSocketPair = () => backend.openSocketPair('ffi');
