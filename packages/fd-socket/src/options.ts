import { checkFlag, checkOptionalInteger, invalidArgument } from '@pageferry/core';
import type { Binding } from '@pageferry/linux';
import { SOCK_SEQPACKET, SOCK_STREAM } from '@pageferry/linux';

/** What a program may say of each connection. */
export interface FdSocketOptions {
  /** Who makes the system calls; by default the addon, or FFI where it does not load and is installed. */
  readonly binding?: Binding;
  /** As of `net.Socket`: false (the default) ends the writable side, too, once the peer has ended its own. */
  readonly allowHalfOpen?: boolean;
  /**
   * How many bytes are read at once, and so the longest message of a `'seqpacket'` socket: a longer one destroys the
   * socket with `MESSAGE_TOO_LARGE`. 64 KiB by default.
   */
  readonly maxReadBytes?: number;
  /**
   * Has every message tell who has sent it (`SO_PASSCRED`): {@link ReceivedMessage.credentials}. The kernel vouches for
   * it. False by default; {@link FdSocket.peer}, who has connected, is there anyway.
   */
  readonly passCredentials?: boolean;
  /**
   * What happens where the kernel has thrown descriptors of a message away (`MSG_CTRUNC`), mostly because this process
   * has too many open: `'error'` (the default) destroys the socket with `SYSTEM_CALL_FAILED`, `'tell'` delivers the
   * message with {@link ReceivedMessage.fdsLost}.
   */
  readonly whenFdsLost?: 'error' | 'tell';
}

/** What a program may say where it makes sockets. */
export interface FdSocketTypeOptions extends FdSocketOptions {
  /**
   * `'stream'` (the default; D-Bus, Wayland, X11) is a stream of bytes, whose writes may arrive in other pieces.
   * `'seqpacket'` keeps each write one message.
   */
  readonly type?: 'stream' | 'seqpacket';
}

/** Options of a connection, checked and complete but for the binding. */
export interface SocketSettings {
  readonly allowHalfOpen: boolean;
  readonly maxReadBytes: number;
  readonly passCredentials: boolean;
  readonly tellsLostFds: boolean;
}

export const SOCKET_OPTIONS = [
  'binding',
  'allowHalfOpen',
  'maxReadBytes',
  'passCredentials',
  'whenFdsLost',
] as const;

/** Checks the values of options. @throws `INVALID_ARGUMENT`. */
export function toSettings(options: FdSocketOptions): SocketSettings {
  const { whenFdsLost = 'error' } = options;
  if (whenFdsLost !== 'error' && whenFdsLost !== 'tell') {
    throw invalidArgument('whenFdsLost', whenFdsLost, "'error' or 'tell'");
  }
  return {
    allowHalfOpen: checkFlag('allowHalfOpen', options.allowHalfOpen),
    maxReadBytes: checkOptionalInteger('maxReadBytes', options.maxReadBytes, 65536, 1, 2 ** 30),
    passCredentials: checkFlag('passCredentials', options.passCredentials),
    tellsLostFds: whenFdsLost === 'tell',
  };
}

/** The type of a socket as the kernel has it. @throws `INVALID_ARGUMENT`. */
export function toType(type: unknown = 'stream'): number {
  if (type === 'stream') return SOCK_STREAM;
  if (type === 'seqpacket') return SOCK_SEQPACKET;
  throw invalidArgument('type', type, "'stream' or 'seqpacket'");
}
