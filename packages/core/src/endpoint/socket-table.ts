import { readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';

/** Types of sockets as `/proc/net/unix` has them: the kernel's numbers. */
export const SOCKET_TYPE = { stream: 1, datagram: 2, sequentialPackets: 5 } as const;

interface BoundSocket {
  readonly type: number;
  /** As it was bound, which may be relative to whatever folder. */
  readonly path: string;
}

/**
 * The Unix sockets with a name (`/proc/net/unix`, proc(5)). `undefined` where there is no such table; those
 * of another network namespace are not in it, although they may be reached.
 */
function boundSockets(): readonly BoundSocket[] | undefined {
  let table: string;
  try {
    table = readFileSync('/proc/net/unix', 'utf8');
  } catch {
    return undefined;
  }
  const sockets: BoundSocket[] = [];
  for (const line of table.split('\n').slice(1)) {
    // Number, references, protocol, flags, type, state, inode, path.
    const [, type, path] = /^\S+ \S+ \S+ \S+ (\S+) \S+ +\d+ (.+)$/.exec(line) ?? [];
    if (type !== undefined && path !== undefined) {
      sockets.push({ type: Number.parseInt(type, 16), path });
    }
  }
  return sockets;
}

/** The type of the socket that is bound at an absolute path; `undefined` if that cannot be told. */
export function typeOfSocketAt(path: string): number | undefined {
  return boundSockets()?.find((socket) => socket.path === path)?.type;
}

/**
 * True if no socket can be found that might belong to the socket file at an absolute path, which is a
 * file that was left behind, then. False also where that cannot be told.
 */
export function isAbandoned(path: string): boolean {
  const sockets = boundSockets();
  if (sockets === undefined) return false;
  // A file may have been bound by a relative path, by way of /proc, or beside its place and moved.
  const may = (bound: string): boolean =>
    bound === path ||
    bound.startsWith(`${path}.`) ||
    bound.startsWith(`${dirname(path)}/.pf-`) ||
    bound.startsWith('/proc/') ||
    (!/^[/@]/.test(bound) && basename(bound) === basename(path));
  return !sockets.some((socket) => may(socket.path));
}
