import { readFileSync } from 'node:fs';
import type { PeerCredentials } from '@pageferry/core';
import { overflowUid } from '@pageferry/linux';

/** How many user ids there are: a namespace that knows as many knows them all. */
const ALL_USERS = 2 ** 32 - 1;

/**
 * Whether to talk to a peer at an endpoint path: only to processes of the same user. Both ends ask.
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

function knowsAllUsers(): boolean {
  try {
    const ranges = readFileSync('/proc/self/uid_map', 'latin1').trim().split('\n');
    return ranges.some((range) => Number(range.trim().split(/\s+/)[2]) === ALL_USERS);
  } catch {
    return false;
  }
}
