import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fstatSync,
  linkSync,
  openSync,
  unlinkSync,
} from 'node:fs';
import { dirname } from 'node:path';
import {
  ALLOW_NOBODY_ELSE,
  type AllowSettings,
  checkEndpoint,
  checkPermission,
  dispose,
  EndpointPath,
  endpointError,
  fileRightsFor,
  findReplaceable,
  identify,
  inheritedDescriptor,
  LONGEST_PATH,
  prepareFolder,
  retryWithBackoff,
  SOCKET_FILE_STATES,
  SocketFile,
  unlinkIfSame,
  unusableEndpoint,
  withDeadline,
} from '@pageferry/core';
import {
  checkResult,
  EADDRINUSE,
  EAGAIN,
  errnoName,
  type LinuxCalls,
  LOCK_EX,
  LOCK_NB,
  systemCallError,
  UnixSocket,
} from '@pageferry/linux';
import { adoptSocket } from './inherited.js';

/** Of `<fcntl.h>`: a descriptor that names a file, and opens nothing. Node has no constant for it. */
const O_PATH = 0o10000000;

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
  /** As it was asked for. */
  readonly path: string;
  /** True if `socket` is connected to the one receiver that there will be. */
  readonly inherited: boolean;
  /** Who may connect besides its owner. */
  readonly allow: AllowSettings;
  readonly #calls: LinuxCalls;
  readonly #place: EndpointPath | undefined;
  readonly #file: SocketFile | undefined;
  #socket: UnixSocket;
  #owner: number | undefined;

  private constructor(
    calls: LinuxCalls,
    socket: UnixSocket,
    place: EndpointPath | string,
    allow: AllowSettings,
  ) {
    this.allow = allow;
    this.#calls = calls;
    this.#socket = socket;
    this.#owner = process.geteuid?.();
    this.inherited = typeof place === 'string';
    if (typeof place === 'string') {
      this.path = place;
      return;
    }
    this.path = place.given;
    this.#place = place;
    this.#file = new SocketFile(place.absolute);
  }

  /** The socket that listens; of an inherited endpoint, the one that is connected. */
  get socket(): UnixSocket {
    return this.#socket;
  }

  /** The socket file; `undefined` for an inherited endpoint. */
  get file(): SocketFile | undefined {
    return this.#file;
  }

  /**
   * The effective user id of this process when the socket began to listen: it is what receivers see, and
   * the owner of the file. To change the user later does not change it.
   */
  get owner(): number | undefined {
    return this.#owner;
  }

  /**
   * Binds `path` with mode 0600, or what `allow` takes, and listens. A stale socket file is replaced. For `fd:N` it takes
   * over the connected socket that descriptor N is.
   *
   * @throws `INVALID_ARGUMENT`, `ENDPOINT_INVALID`, `ENDPOINT_TOO_LONG`, `ENDPOINT_IN_USE`,
   *   `ENDPOINT_FORBIDDEN`, `SYSTEM_CALL_FAILED`.
   */
  static async bind(
    calls: LinuxCalls,
    path: string,
    allow: AllowSettings = ALLOW_NOBODY_ELSE,
  ): Promise<Endpoint> {
    checkEndpoint(path);
    const inherited = inheritedDescriptor(path);
    if (inherited !== undefined)
      return new Endpoint(calls, adoptSocket(calls, inherited), path, allow);
    const place = new EndpointPath(path);
    checkPermission(place);
    const socket = await openSocket(calls, place, allow);
    try {
      return new Endpoint(calls, socket, place, allow);
    } catch (error) {
      socket.close();
      throw error;
    }
  }

  /**
   * Binds anew at the same path, whose file is gone, and listens there from now on.
   *
   * @returns the socket that has listened until now. The caller takes from it who has come already, and
   *   closes it.
   * @throws as {@link bind}; `CLOSED` if it was closed meanwhile. All is as before then.
   */
  async rebind(): Promise<UnixSocket> {
    const socket = await openSocket(this.#calls, this.#place as EndpointPath, this.allow);
    const former = this.#socket;
    try {
      this.#file?.renew();
    } catch (error) {
      socket.close();
      throw error;
    }
    this.#owner = process.geteuid?.();
    this.#socket = socket;
    return former;
  }

  /** Listens no more, and removes the socket file if it is still its own. Harmless the second time. */
  close(): void {
    this.#file?.close();
    this.#socket.close();
  }

  [dispose](): void {
    this.close();
  }
}

/** A socket that listens at `place`. */
async function openSocket(
  calls: LinuxCalls,
  place: EndpointPath,
  allow: AllowSettings,
): Promise<UnixSocket> {
  prepareFolder(place);
  const folder = dirname(place.absolute);
  // Two senders that find the same stale file must not remove each other's fresh one.
  let lock = await lockFolder(calls, folder, 0);
  if (lock === undefined) {
    const socket = bindUnlocked(calls, place, allow);
    if (socket !== undefined) return socket;
    lock = await lockFolder(calls, folder, LOCK_PATIENCE);
  }
  try {
    return bindLocked(calls, place, allow);
  } finally {
    if (lock !== undefined) closeSync(lock);
  }
}

function bindLocked(calls: LinuxCalls, place: EndpointPath, allow: AllowSettings): UnixSocket {
  const socket = UnixSocket.create(calls);
  const address = place.address();
  try {
    // The file takes over the mode of the socket: there is no moment at which others may connect.
    calls.fchmod(socket.fd, 0o600);
    let result = calls.bindUnix(socket.fd, address);
    if (result === -EADDRINUSE) {
      removeIfStale(calls, place);
      result = calls.bindUnix(socket.fd, address);
    }
    checkResult(result, 'bind');
    letOthersConnect(place.absolute, allow);
    checkResult(calls.listen(socket.fd, BACKLOG), 'listen');
    return socket;
  } catch (error) {
    socket.close();
    throw endpointError(error, place);
  }
}

/**
 * Binds where nothing is yet, while somebody else has the folder locked. A sender that has it locked must
 * not take the new file for a stale one, which refuses connections: so it comes to its path only once it
 * listens.
 *
 * @returns `undefined` if that is not possible, for whatever reason.
 */
function bindUnlocked(
  calls: LinuxCalls,
  place: EndpointPath,
  allow: AllowSettings,
): UnixSocket | undefined {
  // Loaded here: it is the largest module of Node's that a sender needs, and a receiver does without.
  const { randomBytes } = process.getBuiltinModule('node:crypto');
  const suffix = `.${randomBytes(4).toString('hex')}`;
  const hidden = `${place.absolute}${suffix}`;
  const socket = UnixSocket.create(calls);
  calls.fchmod(socket.fd, 0o600);
  if (calls.bindUnix(socket.fd, `${place.address(LONGEST_PATH - suffix.length)}${suffix}`) === 0) {
    try {
      letOthersConnect(hidden, allow);
      if (calls.listen(socket.fd, BACKLOG) === 0) {
        linkSync(hidden, place.absolute);
        return socket;
      }
    } catch {
      // Something is there, or the file system has no links.
    } finally {
      unlinkIfSame(hidden, identify(hidden));
    }
  }
  socket.close();
  return undefined;
}

/**
 * Gives a socket file that nobody listens at yet the group and the mode that {@link fileRightsFor} says. Where others may
 * write to the folder, somebody could put another file in its place: so it is looked at first, and then changed by a
 * descriptor.
 *
 * @throws what `node:fs` does: EPERM if this process is not in the group.
 */
function letOthersConnect(path: string, allow: AllowSettings): void {
  const { mode, gid } = fileRightsFor(allow);
  if (mode === 0o600) return;
  const fd = openSync(path, O_PATH | constants.O_NOFOLLOW);
  try {
    const file = fstatSync(fd, { bigint: true });
    const owner = Number(file.uid);
    if (!file.isSocket() || owner !== process.geteuid?.()) {
      throw Object.assign(new Error('another file is in its place'), { code: 'EEXIST' });
    }
    const itself = `/proc/self/fd/${fd}`;
    if (gid !== undefined) chownSync(itself, owner, gid);
    chmodSync(itself, mode);
  } finally {
    closeSync(fd);
  }
}

function removeIfStale(calls: LinuxCalls, place: EndpointPath): void {
  if (findReplaceable(place) === undefined) return;
  const probe = UnixSocket.create(calls);
  const answer = calls.connectUnix(probe.fd, place.address());
  probe.close();
  const state = answer === 0 ? 'live' : SOCKET_FILE_STATES[errnoName(-answer)];
  if (state === undefined) throw endpointError(systemCallError('connect', answer), place);
  if (state === 'live') throw unusableEndpoint('EADDRINUSE', place);
  if (state === 'gone') return;
  try {
    unlinkSync(place.absolute);
  } catch (error) {
    throw endpointError(error, place);
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
