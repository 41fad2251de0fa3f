import { describeTransport } from '@pageferry/conformance';
import { sharedMmap } from '@pageferry/shared-mmap';

const options = { binding: 'ffi' } as const;

describeTransport({
  transport: { ...sharedMmap, name: 'shared-mmap over FFI' },
  moduleUrl: new URL('./programs/over-ffi.js', import.meta.url).href,
  exportName: 'sharedMmapOverFfi',
  senderOptions: options,
  receiverOptions: options,
  channelOptions: options,
});
