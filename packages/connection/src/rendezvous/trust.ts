import type { PeerCredentials } from '@pageferry/core';

/** Whether to talk to a peer: only to processes of the same user. Both ends ask. */
export function isTrusted(peer: PeerCredentials): boolean {
  return peer.uid === process.geteuid?.();
}
