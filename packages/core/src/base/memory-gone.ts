import { PageferryError } from '../errors.js';

/**
 * The error of a channel whose peer is gone, and whose listener has ended since then: the memory that it would lend was the
 * listener's.
 */
export function memoryGone(): PageferryError {
  return new PageferryError(
    'PEER_DIED',
    'the other side of this channel is gone, and the memory for what is sent to it went with its listener',
  );
}
