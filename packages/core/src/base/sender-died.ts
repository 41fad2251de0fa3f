import { PageferryError } from '../errors.js';

/**
 * The error of a receiver whose sender has ended without an orderly close.
 *
 * @param sender in words: see {@link senderAt}.
 * @param when how far it had come.
 * @param cause what the system said, if it did.
 */
export function senderDied(
  sender: string,
  when = 'without closing',
  cause?: unknown,
): PageferryError {
  return new PageferryError('PEER_DIED', `${sender} ended ${when}: connect anew`, { cause });
}
