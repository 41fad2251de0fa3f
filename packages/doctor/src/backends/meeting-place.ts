import { existsSync, mkdtempSync, rmdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { dispose } from '@pageferry/core';
import { type LinuxCalls, STAT_FIELD, UnixSocket } from '@pageferry/linux';

/** Where a sender and a receiver of one process meet for a trial. Disposing of it leaves nothing behind. */
export interface MeetingPlace extends Disposable {
  readonly senderEndpoint: string;
  readonly receiverEndpoint: string;
}

/**
 * A connected pair of sockets: it needs no folder at all, neither one to write in nor a short one.
 *
 * @throws `SYSTEM_CALL_FAILED` (`EMFILE`).
 */
export function inheritedPlace(calls: LinuxCalls): MeetingPlace {
  const ends = UnixSocket.pair(calls).map((socket) => lend(calls, socket.release().release()));
  const [first, second] = ends as [Lent, Lent];
  return {
    senderEndpoint: `fd:${first.fd}`,
    receiverEndpoint: `fd:${second.fd}`,
    [dispose]() {
      for (const end of ends) end.takeBack();
    },
  };
}

/** Longer paths leave no room for a name in the address of a Unix socket (unix(7), and less on macOS). */
const LONGEST_FOLDER = 64;

/**
 * A new folder in `parent`, for a transport that takes no inherited sockets. `undefined` if none can be
 * made there, or none in which an endpoint can be.
 */
export function folderPlace(parent: string): MeetingPlace | undefined {
  if (Buffer.byteLength(parent) > LONGEST_FOLDER) return undefined;
  let folder: string;
  try {
    folder = mkdtempSync(join(parent, 'pageferry-doctor-'));
  } catch {
    return undefined;
  }
  const endpoint = join(folder, 'trial');
  return {
    senderEndpoint: endpoint,
    receiverEndpoint: endpoint,
    [dispose]() {
      // Not rmSync: on Node 20 it spoils later imports once it has looked at a socket.
      if (existsSync(endpoint)) unlinkSync(endpoint);
      rmdirSync(folder);
    },
  };
}

interface Lent {
  readonly fd: number;
  readonly takeBack: () => void;
}

/** A transport that takes the descriptor over closes it. One that fails before that leaves it open. */
function lend(calls: LinuxCalls, fd: number): Lent {
  const inode = inodeOf(calls, fd);
  return {
    fd,
    takeBack() {
      // The number may be that of another file by now. By a system call: Deno's own functions close only what they opened.
      if (inodeOf(calls, fd) === inode) calls.close(fd);
    },
  };
}

function inodeOf(calls: LinuxCalls, fd: number): bigint | undefined {
  const status = new BigInt64Array(6);
  return calls.fstat(fd, status) < 0 ? undefined : status[STAT_FIELD.inode];
}
