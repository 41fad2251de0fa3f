import { type ErrorCode, type ErrorDetails, PageferryError } from '@pageferry/core';
import type { PeerCommand } from './api.js';

/** What a test sends to a peer. */
export interface Request {
  readonly id: number;
  readonly command: PeerCommand;
  readonly args: readonly unknown[];
}

/** What a peer answers. The first answer, with id 0, says that the peer is ready. */
export type Response =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: WireError };

/** An error on its way between processes. */
export interface WireError {
  readonly message: string;
  readonly stack: string | undefined;
  /** The own fields of a `PageferryError`; absent for any other error. */
  readonly pageferry?: { readonly code: ErrorCode } & ErrorDetails;
}

/** Makes an error fit to travel. */
export function packError(error: unknown): WireError {
  if (!(error instanceof Error)) return { message: String(error), stack: undefined };
  const { message, stack } = error;
  if (!('code' in error) || !/^(PageferryError|AbortError)$/.test(error.name)) {
    return { message, stack };
  }
  const { code, argument, syscall, errno, errnoName, bytesTransferred } = error as PageferryError;
  const details = { argument, syscall, errno, errnoName, bytesTransferred };
  const given = Object.entries(details).filter(([, value]) => value !== undefined);
  return { message, stack, pageferry: { code, ...Object.fromEntries(given) } };
}

/** The error that a peer met, as it was there. */
export function unpackError(error: WireError): Error {
  const { message, stack, pageferry } = error;
  const unpacked = pageferry
    ? new PageferryError(pageferry.code, message, pageferry)
    : new Error(message);
  if (stack !== undefined) unpacked.stack = `${stack}\n    (in the peer)`;
  return unpacked;
}
