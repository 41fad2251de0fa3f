import type { Socket } from 'node:net';

/**
 * The descriptor of a connected socket, which stays the socket's: do not close it. `_handle.fd` is
 * undocumented, and has been there since Node 0.x.
 */
export function descriptorOf(socket: Socket): number {
  return (socket as unknown as { readonly _handle: { readonly fd: number } })._handle.fd;
}
