import type { ErrorDetails } from '@pageferry/core';
import type { Sight } from './observer.js';

/** What the doctor asks of the other process. A descriptor travels with all but `look`. */
export type Command =
  | { readonly what: 'read' | 'vmsplice' | 'look' }
  | { readonly what: 'map'; readonly byteLength: number };

/** What the other process answers, and that it is ready to. */
export type Answer =
  | { readonly ready: true }
  | { readonly sight: Sight }
  | {
      readonly failed: Pick<ErrorDetails, 'syscall' | 'errno' | 'errnoName'> & {
        readonly message: string;
      };
    };

/** Longest message either way, in bytes. */
export const MESSAGE_BYTES = 4096;

/** The descriptor number of the other process's end of the socket. */
export const SOCKET_FD = 3;

/** The bytes of a command or an answer. */
export function encode(message: Command | Answer): Uint8Array {
  return Buffer.from(JSON.stringify(message));
}

/** The message that {@link encode} made. Both processes are the doctor's own. */
export function decode<Message extends Command | Answer>(bytes: Uint8Array): Message {
  return JSON.parse(Buffer.from(bytes).toString()) as Message;
}
