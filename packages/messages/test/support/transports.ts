import type { Transport } from '@pageferry/core';
import { createPort, type Port } from '@pageferry/messages';
import { sharedMmap } from '@pageferry/shared-mmap';
import { socketTransport } from '@pageferry/socket';
import { vmspliceNapi } from '@pageferry/vmsplice-napi';

/** The same system calls, made another way. */
const overFfi: Transport = {
  ...sharedMmap,
  name: 'shared-mmap over FFI',
  listen: (options) => sharedMmap.listen({ ...options, binding: 'ffi' }),
  connect: (options) => sharedMmap.connect({ ...options, binding: 'ffi' }),
};

/** Every mechanism that has channels, and shared memory over each kind of binding. */
export const transports: readonly Transport[] = [
  sharedMmap,
  overFfi,
  vmspliceNapi,
  socketTransport,
];

const LIMIT = { timeout: 15_000 };

/** Both ends of a channel, as ports. */
export interface Ports extends AsyncDisposable {
  readonly here: Port;
  readonly there: Port;
}

/** Opens a channel, and a port at each end. */
export async function openPorts(
  transport: Transport,
  endpoint: string,
  options: { readonly poolBytes?: number } = {},
): Promise<Ports> {
  const listener = await transport.listen({ endpoint });
  const connecting = transport.connect({ endpoint, ...options, ...LIMIT });
  const there = createPort(await listener.accept(LIMIT));
  const here = createPort(await connecting);
  return {
    here,
    there,
    async [Symbol.asyncDispose]() {
      await here.destroy();
      await there.destroy();
      await listener.destroy();
    },
  };
}
