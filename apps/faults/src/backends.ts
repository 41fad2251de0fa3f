import type { Transport } from '@pageferry/core';
import { sharedMmap } from '@pageferry/shared-mmap';
import { socketTransport } from '@pageferry/socket';
import { vmspliceFfi } from '@pageferry/vmsplice-ffi';
import { vmspliceNapi } from '@pageferry/vmsplice-napi';

/** A transport, and who makes its system calls. */
export interface Backend {
  readonly transport: Transport;
  /** Goes into the options of whatever is opened. */
  readonly options: { readonly binding?: 'napi' | 'ffi' };
  /** Whether it has policies, a history, and memory of a message's own. */
  readonly sharesMemory: boolean;
}

const BACKENDS = {
  'shared-mmap': { transport: sharedMmap, options: { binding: 'napi' }, sharesMemory: true },
  'shared-mmap-ffi': { transport: sharedMmap, options: { binding: 'ffi' }, sharesMemory: true },
  'vmsplice-napi': { transport: vmspliceNapi, options: {}, sharesMemory: false },
  'vmsplice-ffi': { transport: vmspliceFfi, options: {}, sharesMemory: false },
  socket: { transport: socketTransport, options: {}, sharesMemory: false },
} as const satisfies Record<string, Backend>;

export type BackendName = keyof typeof BACKENDS;

export const backendNames = Object.keys(BACKENDS) as BackendName[];

/** The backend that is called so. */
export function backendOf(name: BackendName): Backend {
  return BACKENDS[name];
}
