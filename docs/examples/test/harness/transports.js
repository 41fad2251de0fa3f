import { sharedMmap } from '@pageferry/shared-mmap';
import { socketTransport } from '@pageferry/socket';
import { vmspliceNapi } from '@pageferry/vmsplice-napi';

/** @type {Record<string, import('@pageferry/core').Transport>} */
export const TRANSPORTS = {
  'shared-mmap': sharedMmap,
  'vmsplice-napi': vmspliceNapi,
  socket: socketTransport,
};

/** @returns {import('@pageferry/core').Transport} */
export function chosenTransport() {
  const transport = TRANSPORTS[process.env.EXAMPLE_TRANSPORT ?? ''];
  if (transport === undefined) throw new Error('EXAMPLE_TRANSPORT names no transport');
  return transport;
}
