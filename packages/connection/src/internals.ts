/**
 * `@pageferry/connection/internals`: the wire format in pieces, for the tests of transports, in which a
 * program plays a peer that lies. It is no part of the API, and may change with any release.
 *
 * @packageDocumentation
 */
export { encodeHello, HELLO_KIND } from '@pageferry/core';
export { encodeSideRecord } from './control/side-record.js';
