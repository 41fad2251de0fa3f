import { PageferryError, type Transport } from '@pageferry/core';

/**
 * Every backend of this workspace by name. Each is imported when it is asked for, so that one that
 * does not load here (no compiler, another platform) harms none of the others.
 */
const BACKENDS = {
  'shared-mmap': async (): Promise<Transport> =>
    (await import('@pageferry/shared-mmap')).sharedMmap,
  'vmsplice-napi': async (): Promise<Transport> =>
    (await import('@pageferry/vmsplice-napi')).vmspliceNapi,
  socket: async (): Promise<Transport> => (await import('@pageferry/socket')).socketTransport,
};

/** The name of a backend, as users type it. */
export type BackendName = keyof typeof BACKENDS;

/** All backends, best first. */
export const backendNames = Object.keys(BACKENDS) as readonly BackendName[];

/** What `send` and `receive` use unless told otherwise: the same on both sides. */
export const defaultBackend: BackendName = process.platform === 'linux' ? 'shared-mmap' : 'socket';

/**
 * Loads one backend.
 *
 * @throws `BINDING_UNAVAILABLE` if its package cannot be loaded.
 */
export async function loadBackend(name: BackendName): Promise<Transport> {
  try {
    return await BACKENDS[name]();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new PageferryError('BINDING_UNAVAILABLE', `${name} does not load: ${why}`, { cause });
  }
}

/** Methods of sending that hand over the loan's own pages. */
const BY_REFERENCE = ['shared-memory', 'vmsplice'];

/**
 * How often a sender copies each byte out of the loan: not at all where it hands over its pages, once
 * where it writes.
 *
 * @param method what `sender.stats().method` says, because a kernel may refuse the better way.
 */
export function senderCopies(method: string): number {
  return BY_REFERENCE.includes(method) ? 0 : 1;
}
