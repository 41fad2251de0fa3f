import { readFileSync, realpathSync } from 'node:fs';
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
  const name = basename(path);
  const folder = realFolder(path);
  return boundSockets()?.find(
    (bound) =>
      bound.path.startsWith('/') &&
      basename(bound.path) === name &&
      realFolder(bound.path) === folder,
  )?.type;
}

/**
 * True if no socket of this network namespace might belong to the socket file at an absolute path. False
 * also where that cannot be told.
 */
export function looksAbandoned(path: string): boolean {
  const sockets = boundSockets();
  if (sockets === undefined) return false;
  const name = basename(path);
  const folder = realFolder(path);
  // A file may have been bound by a relative path, by way of /proc, or in a folder beside its place.
  const may = (bound: string): boolean => {
    if (bound.startsWith('@')) return false;
    const boundName = basename(bound);
    if (!bound.startsWith('/')) return boundName === name;
    if (bound.startsWith('/proc/')) return true;
    const isBeside = basename(dirname(bound)).startsWith('.pf-');
    if (!isBeside && boundName !== name && !boundName.startsWith(`${name}.`)) return false;
    return mayBeSame(realFolder(isBeside ? dirname(bound) : bound), folder);
  };
  return !sockets.some((socket) => may(socket.path));
}

/** The folder that a path is in, without symbolic links; `undefined` if that is not to be found out. */
function realFolder(path: string): string | undefined {
  try {
    return realpathSync.native(dirname(path));
  } catch {
    return undefined;
  }
}

function mayBeSame(folder: string | undefined, other: string | undefined): boolean {
  return folder === undefined || other === undefined || folder === other;
}
