import { MECHANISM } from '../protocol.js';

/** Name of the mechanism in the handshake of a channel: who publishes and who listens find that they differ. */
export const CHANNEL_MECHANISM: string = `${MECHANISM}-channel`;

/**
 * Which of the welcome's descriptors are the pipes, for the one that connects: the read end of what comes to it, and
 * the write end of what it sends. Those of the connection come first.
 */
export const CHANNEL_DESCRIPTOR = { readEnd: 3, writeEnd: 4 } as const;

/** How many descriptors travel with the welcome. */
export const CHANNEL_DESCRIPTOR_COUNT = 5;
