export { sharedMmap } from '@pageferry/shared-mmap';
export { socketTransport } from '@pageferry/socket';
export { vmspliceFfi } from '@pageferry/vmsplice-ffi';
export { vmspliceNapi } from '@pageferry/vmsplice-napi';
