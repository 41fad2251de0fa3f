/**
 * `@pageferry/fd-socket`: Unix sockets that send and receive descriptors with data, which Node itself cannot. Client,
 * server, pairs and socket activation, over streams of bytes and over messages.
 *
 * @packageDocumentation
 */
export type { PeerCredentials } from '@pageferry/core';
export type { Binding } from '@pageferry/linux';
export { OwnedFd } from '@pageferry/linux';
export { type ActivationFd, takeActivationFds } from './activation.js';
export type { CheckedAddress, SocketAddress } from './address.js';
export { adopt, type FdSocketPair, openPair } from './adopt.js';
export { type ConnectOptions, connect } from './connect.js';
export { FdServer, type FdServerEvents } from './fd-server.js';
export { FdSocket } from './fd-socket.js';
export { type InheritedListener, type ListenOptions, listen } from './listen.js';
export type { FdSocketOptions, FdSocketTypeOptions } from './options.js';
export type { BorrowedFd, OutgoingMessage } from './parcel.js';
export { ReceivedMessage } from './received-message.js';
