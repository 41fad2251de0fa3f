// @ts-check
// The shared-memory transport under another name, so that the suite's reports tell the bindings apart.
import { sharedMmap } from '@pageferry/shared-mmap';

export const sharedMmapOverFfi = { ...sharedMmap, name: 'shared-mmap over FFI' };
