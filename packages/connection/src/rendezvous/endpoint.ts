import { randomBytes } from 'node:crypto';
import {
  type BigIntStats,
  closeSync,
  constants,
  linkSync,
  lstatSync,
  openSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import { dirname } from 'node:path';
import {
  checkEndpoint,
  dispose,
  type ErrorCode,
  inheritedDescriptor,
  PageferryError,
  removeAtExit,
  retryWithBackoff,
  withDeadline,
} from '@pageferry/core';
import {
  EACCES,
  EADDRINUSE,
  EAGAIN,
  ECONNREFUSED,
  ENAMETOOLONG,
  ENOENT,
  ENOTDIR,
  EPERM,
  EPROTOTYPE,
  errnoName,
  type LinuxCalls,
  LOCK_EX,
  LOCK_NB,
  systemCallError,
  UnixSocket,
} from '@pageferry/linux';
import { adoptSocket } from './inherited.js';

/** Connections that may wait to be accepted; the kernel caps it at `net.core.somaxconn`. */
const BACKLOG = 128;

/**
 * How long to wait for another sender that is starting, in milliseconds: it has the folder locked for
 * less than one. Whoever keeps it for longer is somebody else.
 */
const LOCK_PATIENCE = 250;

/**
 * A bound and listening endpoint, or an inherited one, which has its receiver already. Closing it
 * removes the socket file, if there is one and it is still this one's.
 */
export class Endpoint implements Disposable {
  readonly path: string;
  /** The socket that listens; of an inherited endpoint, the one that is connected. */
  readonly socket: UnixSocket;
  /** True if `socket` is connected to the one receiver that there will be. */
  readonly inherited: boolean;
  readonly #inode: bigint | undefined;
  readonly #forget: () => void;

  private constructor(path: string, socket: UnixSocket, inherited: boolean) {
    this.path = path;
    this.socket = socket;
    this.inherited = inherited;
    this.#inode = inherited ? undefined : lstatSync(path, { bigint: true }).ino;
    this.#forget = inherited ? () => undefined : removeAtExit(this);
  }

  /**
   * Binds `path` with mode 0600 and listens. A stale socket file is replaced. For `fd:N` it takes
   * over the connected socket that descriptor N is.
   *
   * @throws `INVALID_ARGUMENT`, `ENDPOINT_INVALID`, `ENDPOINT_TOO_LONG`, `ENDPOINT_IN_USE`,
   *   `ENDPOINT_FORBIDDEN`, `SYSTEM_CALL_FAILED`.
   */
  static async bind(calls: LinuxCalls, path: string): Promise<Endpoint> {
    checkEndpoint(path);
    const inherited = inheritedDescriptor(path);
    if (inherited !== undefined) return new Endpoint(path, adoptSocket(calls, inherited), true);
    // Two senders that find the same stale file must not remove each other's fresh one.
    let lock = await lockFolder(calls, dirname(path), 0);
    if (lock === undefined) {
      const endpoint = Endpoint.#bindUnlocked(calls, path);
      if (endpoint !== undefined) return endpoint;
      lock = await lockFolder(calls, dirname(path), LOCK_PATIENCE);
    }
    try {
      return Endpoint.#bindLocked(calls, path);
    } finally {
      if (lock !== undefined) closeSync(lock);
    }
  }

  static #bindLocked(calls: LinuxCalls, path: string): Endpoint {
    const socket = UnixSocket.create(calls);
    try {
      // The file takes over the mode of the socket: there is no moment at which others may connect.
      calls.fchmod(socket.fd, 0o600);
      let result = calls.bindUnix(socket.fd, path);
      if (result === -EADDRINUSE) {
        removeIfStale(calls, path);
        result = calls.bindUnix(socket.fd, path);
      }
      if (result < 0) throw endpointError('bind', result, path);
      const listening = calls.listen(socket.fd, BACKLOG);
      if (listening < 0) throw endpointError('listen', listening, path);
      return new Endpoint(path, socket, false);
    } catch (error) {
      socket.close();
      throw error;
    }
  }

  /**
   * Binds where nothing is yet, while somebody else has the folder locked. A sender that has it locked must
   * not take the new file for a stale one, which refuses connections: so it comes to its path only once it
   * listens.
   *
   * @returns `undefined` if that is not possible, for whatever reason.
   */
  static #bindUnlocked(calls: LinuxCalls, path: string): Endpoint | undefined {
    const hidden = `${path}.${randomBytes(4).toString('hex')}`;
    const socket = UnixSocket.create(calls);
    calls.fchmod(socket.fd, 0o600);
    if (calls.bindUnix(socket.fd, hidden) === 0) {
      try {
        if (calls.listen(socket.fd, BACKLOG) === 0) {
          linkSync(hidden, path);
          return new Endpoint(path, socket, false);
        }
      } catch {
        // Something is there, or the file system has no links.
      } finally {
        unlinkSync(hidden);
      }
    }
    socket.close();
    return undefined;
  }

  close(): void {
    if (!this.socket.open) return;
    this.#forget();
    this.removeFile();
    this.socket.close();
  }

  /** Removes the socket file unless it was replaced by somebody else's. */
  removeFile(): void {
    if (this.#inode === undefined) return;
    try {
      if (lstatSync(this.path, { bigint: true }).ino === this.#inode) unlinkSync(this.path);
    } catch {
      // It is gone already.
    }
  }

  [dispose](): void {
    this.close();
  }
}

/** The typed error for a failed bind(2) or connect(2). */
export function endpointError(syscall: string, result: number, path: string): PageferryError {
  const cause = systemCallError(syscall, result, path);
  const fail = (code: ErrorCode, message: string) =>
    new PageferryError(code, message, {
      cause,
      syscall,
      errno: -result,
      errnoName: errnoName(-result),
    });
  switch (result) {
    case -ENAMETOOLONG:
      return fail('ENDPOINT_TOO_LONG', `the endpoint path is longer than 107 bytes: ${path}`);
    case -EADDRINUSE:
      return fail('ENDPOINT_IN_USE', `the endpoint is in use: ${path}`);
    case -EACCES:
    case -EPERM:
      return fail('ENDPOINT_FORBIDDEN', `this user may not use the endpoint ${path}`);
    case -ENOENT:
    case -ENOTDIR:
      return fail('ENDPOINT_INVALID', `there is no folder for the endpoint ${path}`);
    default:
      return cause;
  }
}

/**
 * What is at the endpoint's path, if anything.
 *
 * @throws `ENDPOINT_INVALID` if it is something other than a socket, `ENDPOINT_FORBIDDEN` if this
 *   user may not look.
 */
export function checkIsSocket(path: string): BigIntStats | undefined {
  const found = statOf(path);
  if (found && !found.isSocket()) {
    throw new PageferryError('ENDPOINT_INVALID', `the endpoint exists and is no socket: ${path}`);
  }
  return found;
}

function statOf(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true, throwIfNoEntry: false });
  } catch (error) {
    throw endpointError('stat', (error as NodeJS.ErrnoException).errno ?? -EACCES, path);
  }
}

/** 0 or `-errno`. */
function tryToConnect(calls: LinuxCalls, path: string): number {
  const probe = UnixSocket.create(calls);
  try {
    return calls.connectUnix(probe.fd, path);
  } finally {
    probe.close();
  }
}

function removeIfStale(calls: LinuxCalls, path: string): void {
  const found = checkIsSocket(path);
  const answer = tryToConnect(calls, path);
  if (answer === 0 || answer === -EAGAIN || answer === -EPROTOTYPE) {
    throw endpointError('bind', -EADDRINUSE, path);
  }
  if (answer === -ENOENT) return;
  if (answer !== -ECONNREFUSED) throw endpointError('connect', answer, path);
  if (found && Number(found.uid) !== process.geteuid?.())
    throw endpointError('unlink', -EPERM, path);
  try {
    unlinkSync(path);
  } catch (error) {
    throw endpointError('unlink', (error as NodeJS.ErrnoException).errno ?? -EPERM, path);
  }
}

/**
 * An open, locked descriptor of the folder; `undefined` where that is not possible.
 *
 * @param patience how long to try, in milliseconds; with 0 once.
 */
async function lockFolder(
  calls: LinuxCalls,
  folder: string,
  patience: number,
): Promise<number | undefined> {
  let fd: number;
  try {
    fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch {
    return undefined; // The folder is missing or may not be read; bind says so better.
  }
  const tryLock = async (): Promise<number | undefined> => {
    const result = calls.flock(fd, LOCK_EX | LOCK_NB);
    if (result === 0) return fd;
    if (result !== -EAGAIN) throw systemCallError('flock', result, folder);
    return undefined;
  };
  const tryLonger = (signal?: AbortSignal): Promise<number> => retryWithBackoff(tryLock, signal);
  const why = (): string => `somebody else keeps ${folder} locked`;
  try {
    const locked = patience === 0 ? tryLock() : withDeadline({ timeout: patience }, tryLonger, why);
    if ((await locked) !== undefined) return fd;
  } catch {
    // Somebody else keeps the folder locked for purposes of their own: go on without.
  }
  closeSync(fd);
  return undefined;
}
