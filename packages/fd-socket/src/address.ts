import { invalidArgument } from '@pageferry/core';
import type { SocketCalls } from '@pageferry/linux';

/**
 * Where a socket listens: a path (a string, or `{ path }`), or an abstract name, unix(7). An abstract name is no file,
 * goes without its leading NUL, and can be taken and connected to by every user of the network namespace: look at
 * {@link FdSocket.peer}. Both have at most 107 bytes.
 */
export type SocketAddress = string | { readonly path: string } | { readonly abstract: string };

/** An address that was checked. */
export type CheckedAddress = { readonly path: string } | { readonly abstract: string };

/** Passes an address. @throws `INVALID_ARGUMENT`. */
export function checkAddress(address: unknown): CheckedAddress {
  if (typeof address === 'string') return { path: address };
  const { path, abstract } = (address ?? {}) as { path?: unknown; abstract?: unknown };
  if (typeof path === 'string' && abstract === undefined) return { path };
  if (typeof abstract === 'string' && path === undefined) return { abstract };
  throw invalidArgument('address', address, 'a path, { path } or { abstract }');
}

/** bind(2). Returns 0 or `-errno`. */
export function bindTo(calls: SocketCalls, fd: number, address: CheckedAddress): number {
  if ('path' in address) return calls.bindUnix(fd, address.path);
  return calls.bindAbstract(fd, address.abstract);
}

/** connect(2). Returns 0 or `-errno`. */
export function connectTo(calls: SocketCalls, fd: number, address: CheckedAddress): number {
  if ('path' in address) return calls.connectUnix(fd, address.path);
  return calls.connectAbstract(fd, address.abstract);
}

/** The address in an error: abstract names begin with `@`, as in ss(8) and `/proc/net/unix`. */
export function nameOf(address: CheckedAddress): string {
  return 'path' in address ? address.path : `@${address.abstract}`;
}
