import type { Transport } from '@pageferry/core';
import { sharedMmap } from '@pageferry/shared-mmap';
import { socketTransport } from '@pageferry/socket';
import { vmspliceNapi } from '@pageferry/vmsplice-napi';

/** A backend with each mechanism that this platform has. */
export const BACKENDS: readonly { readonly backend: string; readonly transport: Transport }[] = [
  { backend: 'socket', transport: socketTransport },
  ...(process.platform === 'linux'
    ? [
        { backend: 'shared-mmap', transport: sharedMmap as Transport },
        { backend: 'vmsplice-napi', transport: vmspliceNapi },
      ]
    : []),
];
