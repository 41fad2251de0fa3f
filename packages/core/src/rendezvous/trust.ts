/**
 * Who may talk to whom at an endpoint path: processes of one user. What holds it:
 *
 * - The socket file has mode 0600 from its first moment, so that the kernel lets its owner connect, and
 *   root, who needs nobody's leave. That is all there is where Node makes the sockets (`node:net`), for a
 *   sender: Node does not tell who is at the other end. (On Windows there is no file. Others may not write to
 *   a named pipe by its default rights.)
 * - A receiver of such a sender looks at whose the file is: {@link isTrustedFile}.
 * - Where the kernel can be asked who the other one is (`SO_PEERCRED`), both ends ask: {@link isTrusted}.
 *
 * Whose a sender is was settled when it began to listen: the file says so, and so does the kernel. It does
 * not change with the user that it is later. With `fd:N` there is no path, and the descriptor is the
 * permission, whoever has it.
 */
import { readFileSync } from 'node:fs';
import type { PeerCredentials } from '../contract/transport.js';

/** How many user ids there are: a namespace that knows as many knows them all. */
const ALL_USERS = 2 ** 32 - 1;

/** What the kernel calls a user whom this process' user namespace does not know, unless told otherwise. */
const USUAL_OVERFLOW_UID = 65534;

/**
 * Whether to talk to a peer of whom the kernel tells. Both ends ask.
 *
 * @param user the effective user id of this end. A sender's is the one with which it began to listen: that
 *   is what the kernel tells receivers, too, and whose the socket file is.
 *
 * The user id that stands for everybody unknown (user_namespaces(7)) is nobody's, unless all are known.
 */
export function isTrusted(peer: PeerCredentials | undefined, user: number | undefined): boolean {
  if (peer === undefined || peer.uid !== user) return false;
  return peer.uid !== overflowUid() || knowsAllUsers();
}

/**
 * Whether to connect to a socket file of whose sender nothing else is known: to this user's own, and to
 * root's, should root let others connect to it.
 */
export function isTrustedFile(file: { readonly uid: bigint }): boolean {
  const owner = Number(file.uid);
  return owner === 0 || owner === process.geteuid?.();
}

/**
 * The user id that stands for every user whom this process' user namespace does not know
 * (`/proc/sys/kernel/overflowuid`, user_namespaces(7)).
 */
export function overflowUid(): number {
  try {
    return Number(readFileSync('/proc/sys/kernel/overflowuid', 'latin1'));
  } catch {
    return USUAL_OVERFLOW_UID;
  }
}

function knowsAllUsers(): boolean {
  try {
    const ranges = readFileSync('/proc/self/uid_map', 'latin1').trim().split('\n');
    return ranges.some((range) => Number(range.trim().split(/\s+/)[2]) === ALL_USERS);
  } catch {
    return false;
  }
}
