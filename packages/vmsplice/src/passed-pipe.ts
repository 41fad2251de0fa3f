import { closeSync, constants, openSync } from 'node:fs';
import {
  checkResult,
  type LinuxCalls,
  O_ACCMODE,
  O_NONBLOCK,
  O_RDONLY,
  O_WRONLY,
  OwnedFd,
  S_IFIFO,
  S_IFMT,
  STAT_FIELD,
} from '@pageferry/linux';

/** Which end of a pipe: what it is opened for. */
export type PipeEndKind = 'read' | 'write';

const ACCESS = { read: O_RDONLY, write: O_WRONLY } as const;

/** Whether `fd` is that end of a pipe, and nothing else. */
export function isPipeEnd(calls: LinuxCalls, fd: number, kind: PipeEndKind): boolean {
  const fields = new BigInt64Array(6);
  if (calls.fstat(fd, fields) < 0) return false;
  if ((Number(fields[STAT_FIELD.mode]) & S_IFMT) !== S_IFIFO) return false;
  const flags = calls.getStatusFlags(fd);
  return flags >= 0 && (flags & O_ACCMODE) === ACCESS[kind];
}

/**
 * The same end of the same pipe, opened anew and non-blocking; closes `passed`.
 *
 * Everybody who holds the passed description, the peer too, can make it blocking at any moment, and the
 * next read of an empty pipe, or write to a full one, would hold the event loop for good. Where it cannot
 * be opened anew (no /proc; a pipe of root's), it is made non-blocking as it is: root is trusted.
 *
 * @throws `SYSTEM_CALL_FAILED`.
 */
export function withOwnFlags(calls: LinuxCalls, passed: OwnedFd, kind: PipeEndKind): OwnedFd {
  let opened: number;
  try {
    opened = openSync(`/proc/self/fd/${passed.fd}`, ACCESS[kind] | constants.O_NONBLOCK);
  } catch {
    const flags = checkResult(calls.getStatusFlags(passed.fd), 'fcntl', 'F_GETFL');
    checkResult(calls.setStatusFlags(passed.fd, flags | O_NONBLOCK), 'fcntl', 'F_SETFL');
    return passed;
  }
  try {
    // Node keeps a list of what it has opened: what Node has opened, Node closes.
    const own = OwnedFd.duplicateOf(calls, opened);
    passed.close();
    return own;
  } finally {
    closeSync(opened);
  }
}
