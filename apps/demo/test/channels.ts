import { sharedMmap } from '@pageferry/shared-mmap';
import { socketTransport } from '@pageferry/socket';
import { vmspliceFfi } from '@pageferry/vmsplice-ffi';
import { vmspliceNapi } from '@pageferry/vmsplice-napi';
import { BACKENDS } from './cli.js';

const TRANSPORTS = [sharedMmap, vmspliceNapi, vmspliceFfi, socketTransport];

/** Every backend that this platform has, and whether bytes go through its channels without a copy. */
export const WITH_CHANNELS = BACKENDS.filter(({ possible }) => possible).map(({ backend }) => {
  const transport = TRANSPORTS.find(({ name }) => name === backend);
  if (transport === undefined) throw new Error(`no transport is called ${backend}`);
  const { zeroCopySend, zeroCopyReceive } = transport.capabilities;
  return { backend, zeroCopy: zeroCopySend && zeroCopyReceive };
});
