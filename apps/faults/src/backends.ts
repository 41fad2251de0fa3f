import type { Transport } from '@pageferry/core';

/** A transport, and who makes its system calls. */
export interface Backend {
  readonly transport: Transport;
  /** Goes into the options of whatever is opened. */
  readonly options: { readonly binding?: 'napi' | 'ffi' };
  /** Whether it has policies, a history, and memory of a message's own. */
  readonly sharesMemory: boolean;
}

/** How to load a backend: a process that plays one of them does not spend its start on the others. */
interface BackendSource extends Omit<Backend, 'transport'> {
  readonly load: () => Promise<Transport>;
}

const loadSharedMmap = async () => (await import('@pageferry/shared-mmap')).sharedMmap;

const BACKENDS = {
  'shared-mmap': { load: loadSharedMmap, options: { binding: 'napi' }, sharesMemory: true },
  'shared-mmap-ffi': { load: loadSharedMmap, options: { binding: 'ffi' }, sharesMemory: true },
  'vmsplice-napi': {
    load: async () => (await import('@pageferry/vmsplice-napi')).vmspliceNapi,
    options: {},
    sharesMemory: false,
  },
  'vmsplice-ffi': {
    load: async () => (await import('@pageferry/vmsplice-ffi')).vmspliceFfi,
    options: {},
    sharesMemory: false,
  },
  socket: {
    load: async () => (await import('@pageferry/socket')).socketTransport,
    options: {},
    sharesMemory: false,
  },
} as const satisfies Record<string, BackendSource>;

export type BackendName = keyof typeof BACKENDS;

export const backendNames = Object.keys(BACKENDS) as BackendName[];

/** Whether a backend has policies, a history, and memory of a message's own. */
export function sharesMemory(name: BackendName): boolean {
  return BACKENDS[name].sharesMemory;
}

/** Loads the backend that is called so. */
export async function loadBackend(name: BackendName): Promise<Backend> {
  const { load, options, sharesMemory: shares } = BACKENDS[name];
  return { transport: await load(), options, sharesMemory: shares };
}
