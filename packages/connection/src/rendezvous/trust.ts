import type { PeerCredentials } from '@pageferry/core';

/**
 * Whether to talk to a peer: one of the same user, or root, who can read this process's memory
 * anyway.
 */
export function isTrusted(peer: PeerCredentials): boolean {
  return peer.uid === process.geteuid?.() || peer.uid === 0;
}
