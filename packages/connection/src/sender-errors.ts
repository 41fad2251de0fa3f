import { PageferryError } from '@pageferry/core';

/** The receiver's error when its sender has ended without an orderly close. */
export function senderDied(when: string): PageferryError {
  return new PageferryError('PEER_DIED', `the sender ended ${when}`);
}

/** The receiver's error when its sender breaks the protocol. */
export function senderMisbehaved(what: string): PageferryError {
  return new PageferryError('PEER_MISBEHAVED', `the sender breaks the protocol: ${what}`);
}
