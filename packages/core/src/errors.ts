/**
 * Every code a {@link PageferryError} can carry.
 *
 * Codes are part of the public API: programs switch on them, so a code never changes its meaning.
 * Expected outcomes (a full queue, no receiver yet, an orderly end) are values, never errors.
 */
export type ErrorCode =
  /** An argument has the wrong type or is out of range; `argument` names it. Nothing was done. */
  | 'INVALID_ARGUMENT'
  /** The message is larger than the transport can carry. Nothing was done. */
  | 'MESSAGE_TOO_LARGE'
  /** The sender or receiver was closed by this process before or during the call. */
  | 'CLOSED'
  /** The loan was already sent or released: its bytes belong to somebody else now. */
  | 'LOAN_NOT_OWNED'
  /** The delivery was already released: its bytes may hold another message by now. */
  | 'DELIVERY_RELEASED'
  /** Another API has taken the bytes' memory over (`ArrayBuffer.transfer`, a byte stream, …), or it is shorter now. */
  | 'BYTES_DETACHED'
  /** An AbortSignal ended the call; `cause` is the signal's reason and `name` is 'AbortError'. */
  | 'ABORTED'
  /** The call's own time limit passed. */
  | 'TIMEOUT'
  /** This transport or platform cannot do what was asked; its capabilities say so. */
  | 'NOT_SUPPORTED'
  /** The endpoint cannot be used: wrong type of file, missing folder, empty. */
  | 'ENDPOINT_INVALID'
  /** The endpoint path does not fit into a Unix socket address (107 bytes on Linux). */
  | 'ENDPOINT_TOO_LONG'
  /** A live program already listens at the endpoint. */
  | 'ENDPOINT_IN_USE'
  /**
   * The endpoint belongs to another user, or this user may not create or reach it; or it is a name, and others may enter
   * the folder of names.
   */
  | 'ENDPOINT_FORBIDDEN'
  /** The program at the other end does not speak Pageferry's protocol. */
  | 'NOT_PAGEFERRY'
  /** The program at the other end speaks another version of Pageferry's protocol. */
  | 'VERSION_MISMATCH'
  /** The program at the other end uses another transport. */
  | 'TRANSPORT_MISMATCH'
  /**
   * The other end lives and refuses this process: its user is not allowed, there is no room left, or a
   * connection was cut off by the sender.
   */
  | 'PEER_REJECTED'
  /** The other process ended, or hung up, without an orderly close. */
  | 'PEER_DIED'
  /** The other process broke the protocol; its connection was dropped. */
  | 'PEER_MISBEHAVED'
  /** The other side of a channel has answered a request with an error, which is the `cause`. */
  | 'REQUEST_FAILED'
  /** The other side of a channel has released a request without an answer: it does not answer such. */
  | 'REQUEST_UNANSWERED'
  /** This message asks for no answer. Nothing was done. */
  | 'NOT_A_REQUEST'
  /** This request was answered before. Nothing was done. */
  | 'ALREADY_ANSWERED'
  /** A stream of bytes has ended in the middle of what was to be read; `bytesTransferred` says after how many. */
  | 'UNEXPECTED_END'
  /** The other side has given up a stream before its end, or could not serve it; `cause` may say why. */
  | 'STREAM_RESET'
  /** The value holds something that cannot be cloned (a function, a symbol, …); `path` says where. Nothing was done. */
  | 'NOT_CLONEABLE'
  /** The other side of a port handles no request of this name. */
  | 'NO_HANDLER'
  /** The queue of a pool of workers holds as many tasks as it may. Nothing was done. */
  | 'QUEUE_FULL'
  /** A system call failed; `syscall`, `errno` and `errnoName` say which and why. */
  | 'SYSTEM_CALL_FAILED'
  /** The native addon or FFI library of a binding could not be loaded; `cause` says why. */
  | 'BINDING_UNAVAILABLE';

/** What else a {@link PageferryError} may carry. */
export interface ErrorDetails {
  /** The error or abort reason behind this one. */
  readonly cause?: unknown;
  /** Name of the offending argument, for `INVALID_ARGUMENT`. */
  readonly argument?: string;
  /** Where in a value the offending part is, for `NOT_CLONEABLE`: for example `list[3].callback`. */
  readonly path?: string;
  /** Name of the system call that failed, for example `vmsplice`. */
  readonly syscall?: string;
  /** Positive errno of the failed system call. */
  readonly errno?: number;
  /** Symbolic errno of the failed system call, for example `ENOSPC`. */
  readonly errnoName?: string;
  /** Bytes of the message that the failed call had moved on before it failed. They are not lost. */
  readonly bytesTransferred?: number;
  /** For `PEER_DIED` of a child process or a thread: what it has exited with. */
  readonly exitCode?: number;
  /** For `PEER_DIED` of a child process: the signal that has ended it, for example `SIGKILL`. */
  readonly signalCode?: string;
}

/**
 * The one error class of Pageferry. Switch on {@link PageferryError.code}.
 *
 * @example
 * try {
 *   await receiver.spliceTo(file);
 * } catch (error) {
 *   if (isPageferryError(error, 'SYSTEM_CALL_FAILED') && error.errnoName === 'ENOSPC') makeRoom();
 *   else throw error;
 * }
 */
export class PageferryError extends Error {
  /** What went wrong, as a stable literal. */
  readonly code: ErrorCode;
  // Declared, not defined: what an error does not carry does not show when it is printed.
  /** See {@link ErrorDetails.argument}. */
  declare readonly argument?: string;
  /** See {@link ErrorDetails.path}. */
  declare readonly path?: string;
  /** See {@link ErrorDetails.syscall}. */
  declare readonly syscall?: string;
  /** See {@link ErrorDetails.errno}. */
  declare readonly errno?: number;
  /** See {@link ErrorDetails.errnoName}. */
  declare readonly errnoName?: string;
  /** See {@link ErrorDetails.bytesTransferred}. */
  declare readonly bytesTransferred?: number;
  /** See {@link ErrorDetails.exitCode}. */
  declare readonly exitCode?: number;
  /** See {@link ErrorDetails.signalCode}. */
  declare readonly signalCode?: string;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    // Node's own convention: code that handles aborts looks at the name.
    this.name = code === 'ABORTED' ? 'AbortError' : 'PageferryError';
    this.code = code;
    if (details.argument !== undefined) this.argument = details.argument;
    if (details.path !== undefined) this.path = details.path;
    if (details.syscall !== undefined) this.syscall = details.syscall;
    if (details.errno !== undefined) this.errno = details.errno;
    if (details.errnoName !== undefined) this.errnoName = details.errnoName;
    if (details.bytesTransferred !== undefined) this.bytesTransferred = details.bytesTransferred;
    if (details.exitCode !== undefined) this.exitCode = details.exitCode;
    if (details.signalCode !== undefined) this.signalCode = details.signalCode;
  }
}

/**
 * Tells whether `error` is a {@link PageferryError}, and if `code` is given, one with that code.
 *
 * Works across two copies of this package in one process, and across realms (node:vm, Jest), where
 * `instanceof` does not.
 */
export function isPageferryError(error: unknown, code?: ErrorCode): error is PageferryError {
  if (typeof error !== 'object' || error === null) return false;
  const { name, code: actual } = error as Partial<PageferryError>;
  if (name !== 'PageferryError' && name !== 'AbortError') return false;
  return code === undefined ? typeof actual === 'string' : actual === code;
}

/**
 * The error of a failed system call, and how much of the message the call had moved on before. Any
 * other error is passed through as it is.
 */
export function withBytesTransferred(error: unknown, bytesTransferred: number): unknown {
  if (!isPageferryError(error, 'SYSTEM_CALL_FAILED')) return error;
  const { message, cause } = error;
  return new PageferryError('SYSTEM_CALL_FAILED', message, { ...error, cause, bytesTransferred });
}
