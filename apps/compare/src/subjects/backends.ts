import type { Transport } from '@pageferry/core';

/** A Pageferry backend that takes part. */
export interface Backend {
  /** Loads it, or rejects where it cannot work. Imported late, so that one harms no other. */
  load(): Promise<Transport>;
  /** A few words for the report. */
  readonly description: string;
  /** False if a wait of this backend cannot poll, so that it has no `spinning` round trip. */
  readonly polls: boolean;
  /** True if payload goes through a pipe or a socket; false if both sides map it. */
  readonly throughKernel: boolean;
  /** True if what the receiver holds is aligned as `O_DIRECT` wants it. */
  readonly aligned: boolean;
}

/** Every backend times every binding: to add one, add an entry. */
export const backends = {
  'shared-mmap': {
    load: () => sharedMmapOver('napi'),
    description: 'memory that both sides map, Node-API binding',
    polls: true,
    throughKernel: false,
    aligned: true,
  },
  'shared-mmap-ffi': {
    load: () => sharedMmapOver('ffi'),
    description: 'memory that both sides map, FFI binding',
    polls: true,
    throughKernel: false,
    aligned: true,
  },
  'vmsplice-napi': {
    load: async () => (await import('@pageferry/vmsplice-napi')).vmspliceNapi,
    description: 'pages by reference through a pipe, Node-API binding',
    polls: true,
    throughKernel: true,
    aligned: true,
  },
  'vmsplice-ffi': {
    load: async () => (await import('@pageferry/vmsplice-ffi')).vmspliceFfi,
    description: 'pages by reference through a pipe, FFI binding',
    polls: true,
    throughKernel: true,
    aligned: true,
  },
  socket: {
    load: async () => (await import('@pageferry/socket')).socketTransport,
    description: 'the same contract over a Unix socket, pure Node',
    polls: false,
    throughKernel: true,
    aligned: false,
  },
} as const satisfies Record<string, Backend>;

/** The name of a backend, as users type it. */
export type BackendName = keyof typeof backends;

/** By name: the default is another binding where the first does not load. */
async function sharedMmapOver(binding: 'napi' | 'ffi'): Promise<Transport> {
  const { sharedMmap } = await import('@pageferry/shared-mmap');
  return {
    ...sharedMmap,
    createSender: (options) => sharedMmap.createSender({ ...options, binding }),
    createReceiver: (options) => sharedMmap.createReceiver({ ...options, binding }),
    listen: (options) => sharedMmap.listen({ ...options, binding }),
    connect: (options) => sharedMmap.connect({ ...options, binding }),
  };
}
