import { MECHANISM } from '../protocol.js';

/** Name of the mechanism in the handshake of a channel: who publishes and who listens find that they differ. */
export const CHANNEL_MECHANISM: string = `${MECHANISM}-channel`;

/** Entries in each direction's queue: how many messages may be under way. */
export const CHANNEL_CAPACITY = 1024;

/** Which of the welcome's descriptors is the listener's payload memory; those of the connection come first. */
export const CHANNEL_DESCRIPTOR = { payload: 3 } as const;

/** How many descriptors travel with the welcome. With the hello comes one: the payload memory of the one who calls. */
export const CHANNEL_DESCRIPTOR_COUNT = 4;

/**
 * Parameters of the hello. `barrier` is 1 if this side issues a barrier for both before it sleeps, `descriptors` is 1 if it
 * takes descriptors that travel with messages.
 */
export const CHANNEL_HELLO = { barrier: 0, descriptors: 1 } as const;

/**
 * Parameters of the welcome. `barrier` is 1 if both sides issue a barrier for both before they sleep, `descriptors` is 1 if
 * the listener takes descriptors that travel with messages.
 */
export const CHANNEL_WELCOME = { barrier: 0, descriptors: 1 } as const;
