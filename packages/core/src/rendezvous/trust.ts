/**
 * Who may talk to whom at an endpoint path: processes of one user, and whom the option `allow` names. What holds it,
 * where it names nobody:
 *
 * - The socket file has mode 0600 from its first moment, so that the kernel lets its owner connect, and
 *   root, who needs nobody's leave. That is all there is where Node makes the sockets (`node:net`), for a
 *   sender: Node does not tell who is at the other end. (On Windows there is no file. Others may not write to
 *   a named pipe by its default rights.)
 * - A receiver of such a sender looks at whose the file is: {@link isTrustedFile}.
 * - Where the kernel can be asked who the other one is (`SO_PEERCRED`), both ends ask: {@link isTrusted}.
 *
 * Whose a sender is was settled when it began to listen: the file says so, and so does the kernel. It does
 * not change with the user that it is later. What `allow` changes of the file is in `allow.ts`. With `fd:N` there is
 * no path, and the descriptor is the permission, whoever has it.
 */
import { readFileSync } from 'node:fs';
import type { PeerCredentials } from '../contract/transport.js';
import { ALLOW_NOBODY_ELSE, type AllowSettings } from './allow.js';

/** How many user ids there are, and group ids: a namespace that knows as many knows them all. */
const ALL_IDS = 2 ** 32 - 1;

/** What the kernel calls a user or group that this process' user namespace does not know, unless told otherwise. */
const USUAL_OVERFLOW_ID = 65534;

/**
 * Whether to talk to a peer of whom the kernel tells. Both ends ask.
 *
 * @param user the effective user id of this end. A sender's is the one with which it began to listen: that
 *   is what the kernel tells receivers, too, and whose the socket file is.
 * @param allow who may be the peer besides.
 *
 * The user id that stands for everybody unknown (user_namespaces(7)) is nobody's, unless all are known.
 */
export function isTrusted(
  peer: PeerCredentials | undefined,
  user: number | undefined,
  { uids, gids }: AllowSettings = ALLOW_NOBODY_ELSE,
): boolean {
  if (peer === undefined) return false;
  const isAllowed = peer.uid === user || uids.includes(peer.uid) || isInGroup(peer, gids);
  return isAllowed && isSomebody(peer.uid);
}

/** The group id that stands for everybody unknown is nobody's either. */
function isInGroup({ gid }: PeerCredentials, gids: readonly number[]): boolean {
  return gids.includes(gid) && (gid !== overflowGid() || knowsAll('gid'));
}

/**
 * Whether to connect to a socket file of whose sender nothing else is known: to this user's own, and to those of the users
 * that `allow` names. Root is a user like the others: the root of a container may write to a folder that it shares with
 * the host, and can do little else there.
 *
 * The user id that stands for everybody unknown is nobody's here too, also where it is this process's own.
 */
export function isTrustedFile(
  file: { readonly uid: bigint },
  { uids }: AllowSettings = ALLOW_NOBODY_ELSE,
): boolean {
  const owner = Number(file.uid);
  return (owner === process.geteuid?.() || uids.includes(owner)) && isSomebody(owner);
}

/** Whether a user id is that of one user, and not of all whom this process's user namespace does not know. */
function isSomebody(uid: number): boolean {
  return uid !== overflowUid() || knowsAll('uid');
}

/**
 * The user id that stands for every user whom this process' user namespace does not know
 * (`/proc/sys/kernel/overflowuid`, user_namespaces(7)).
 */
export function overflowUid(): number {
  return overflowId('uid');
}

function overflowGid(): number {
  return overflowId('gid');
}

function overflowId(kind: 'uid' | 'gid'): number {
  try {
    return Number(readFileSync(`/proc/sys/kernel/overflow${kind}`, 'latin1'));
  } catch {
    return USUAL_OVERFLOW_ID;
  }
}

/** Whether this process's user namespace knows every user, or group, there can be. Only Linux has user namespaces. */
function knowsAll(kind: 'uid' | 'gid'): boolean {
  if (process.platform !== 'linux') return true;
  try {
    const ranges = readFileSync(`/proc/self/${kind}_map`, 'latin1').trim().split('\n');
    return ranges.some((range) => Number(range.trim().split(/\s+/)[2]) === ALL_IDS);
  } catch {
    return false;
  }
}
