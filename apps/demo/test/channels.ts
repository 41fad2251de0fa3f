import { sharedMmap } from '@pageferry/shared-mmap';
import { socketTransport } from '@pageferry/socket';
import { vmspliceFfi } from '@pageferry/vmsplice-ffi';
import { vmspliceNapi } from '@pageferry/vmsplice-napi';
import { BACKENDS } from './cli.js';

const TRANSPORTS = [sharedMmap, vmspliceNapi, vmspliceFfi, socketTransport];

/** Backends of this platform. */
const possible = BACKENDS.filter((each) => each.possible).map(({ backend }) => {
  const transport = TRANSPORTS.find(({ name }) => name === backend);
  if (transport === undefined) throw new Error(`no transport is called ${backend}`);
  return { backend, capabilities: transport.capabilities };
});

/** Those that have channels, and whether a byte goes through one without a copy. */
export const WITH_CHANNELS = possible
  .filter(({ capabilities }) => capabilities.maxChannels > 0)
  .map(({ backend, capabilities }) => ({
    backend,
    zeroCopy: capabilities.zeroCopySend && capabilities.zeroCopyReceive,
  }));

/** Those that have none. */
export const WITHOUT_CHANNELS = possible
  .filter(({ capabilities }) => capabilities.maxChannels === 0)
  .map(({ backend }) => backend);
