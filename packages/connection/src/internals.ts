/**
 * `@pageferry/connection/internals`: the wire format in pieces, for the tests of transports, in which a
 * program plays a peer that lies. It is no part of the API, and may change with any release.
 *
 * @packageDocumentation
 */
export { encodeHello, HELLO_KIND } from '@pageferry/core';
export { ClaimableConsumer, ClaimableProducer } from './control/claimable-queue.js';
export { passMemory } from './control/passed-memory.js';
