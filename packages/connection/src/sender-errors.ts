import { PageferryError } from '@pageferry/core';

/** The receiver's error when its sender lives, and has cut it off. */
export function cutOffBySender(isAccused: boolean): PageferryError {
  const why = isAccused
    ? 'because this receiver broke the protocol, as the sender sees it'
    : 'because a system call failed there';
  return new PageferryError(
    'PEER_REJECTED',
    `the sender lives, and has cut this receiver off ${why}: connect anew`,
  );
}

/** The receiver's error when its sender breaks the protocol. */
export function senderMisbehaved(what: string): PageferryError {
  return new PageferryError('PEER_MISBEHAVED', `the sender breaks the protocol: ${what}`);
}
