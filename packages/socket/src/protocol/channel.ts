/**
 * What both sides of a channel say after the handshake, over one stream: the frames of `frame.ts`, in both
 * directions.
 *
 * - `message` is followed by the first bytes of the message: all of them, or {@link PIECE_BYTES} of a longer one.
 *   Each `more` is followed by as many further bytes as it says. Until a message is whole, only `release` and
 *   `credit` may come in between.
 * - Messages are counted from 0 in each direction, and at most {@link MAX_UNDER_WAY} may be under way: not released.
 *   `release` says with which the other side is done; only of those that have come whole.
 * - Of the bytes of messages (frames do not count) each side may send {@link WINDOW_BYTES} at first, and so many more
 *   as the other says with `credit`: for what its program has asked for. So each side reads all that comes, and a
 *   release is never stuck behind messages that nobody receives.
 * - `end` comes behind the last message. The other direction goes on: `release` and `credit` may still come.
 *
 * Whoever says anything else has its channel ended.
 */
import { NAME } from './name.js';

/** Name of the mechanism in the handshake of a channel: who publishes and who listens find that they differ. */
export const CHANNEL_NAME: string = `${NAME}-channel`;

/** How many bytes of messages may come that nobody has asked for: as much as a large pipe holds. */
export const WINDOW_BYTES: number = 1024 * 1024;

/** How many bytes of a message are written at a stretch: a release waits no longer than for these. */
export const PIECE_BYTES: number = 256 * 1024;

/** How many messages may be under way in one direction, however small they are. */
export const MAX_UNDER_WAY = 1024;
