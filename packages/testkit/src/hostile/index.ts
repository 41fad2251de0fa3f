/**
 * `@pageferry/testkit/hostile`: peers that break the protocol, in each mechanism and on either side. They know
 * docs/shared-memory-layout.md and the frames of the socket, and none of the classes that they are played against.
 *
 * @packageDocumentation
 */
export { type Lies, PAYLOAD_BYTES, type RawConnection } from './connection.js';
export { helloBytes } from './hello.js';
export { ACTS, type Act, type Life, live, type Surroundings } from './lives.js';
export type { Mechanism, RawPeer, Role } from './peer.js';
export type { Choices } from './random.js';
export { RawSocket } from './raw-socket.js';
