import type { LinuxCalls } from '@pageferry/linux';
import { comeIn, type Lies, letIn } from './connection.js';
import { HELLO_BYTES, helloBytes, readHello } from './hello.js';
import { KIND } from './layout.js';
import { nameOf, type RawPeer, type Role } from './peer.js';
import { PipePeer } from './pipe-peer.js';
import type { RawSocket } from './raw-socket.js';
import { SharedMemoryPeer } from './shared-memory-peer.js';
import { StreamPeer } from './stream-peer.js';

/**
 * Shakes hands as who comes. Takes over the socket.
 *
 * @param lies what is not as it should be; over a stream, which has no parameters and no descriptors, what there is of both.
 * @returns `undefined` if there is no welcome within `timeout` milliseconds: the socket is closed then.
 */
export function comeAsPeer(
  calls: LinuxCalls,
  socket: RawSocket,
  role: Role,
  timeout: number,
  lies?: Lies,
): RawPeer | undefined {
  let peer: RawPeer | undefined;
  if (role.mechanism === 'socket') {
    socket.send(...helloOfStream(KIND.hello, role, lies));
    const answer = socket.receive(timeout, HELLO_BYTES);
    const isWelcome =
      answer !== undefined && answer !== 'end' && readHello(answer.bytes)?.kind === KIND.welcome;
    if (isWelcome) peer = new StreamPeer(socket, role.isChannel, role.isChannel);
  } else {
    const connection = comeIn(calls, socket, role, timeout, lies);
    const Peer = role.mechanism === 'vmsplice' ? PipePeer : SharedMemoryPeer;
    if (connection !== undefined) peer = new Peer(calls, connection);
  }
  if (peer === undefined) socket.close();
  return peer;
}

/** Welcomes whoever has connected and said hello, as who has opened the endpoint. Takes over the socket. */
export function letInAsPeer(
  calls: LinuxCalls,
  socket: RawSocket,
  role: Role,
  lies?: Lies,
): RawPeer {
  if (role.mechanism === 'socket') {
    socket.send(...helloOfStream(KIND.welcome, role, lies));
    return new StreamPeer(socket, role.isChannel, true);
  }
  const connection = letIn(calls, socket, role, lies);
  const Peer = role.mechanism === 'vmsplice' ? PipePeer : SharedMemoryPeer;
  return new Peer(calls, connection);
}

/** The bytes, and the descriptors that go with them. */
function helloOfStream(
  kind: number,
  role: Role,
  { parameters = [], extra = [] }: Lies = {},
): [bytes: Uint8Array, descriptors: readonly number[]] {
  return [helloBytes({ kind, mechanism: nameOf(role), parameters }), extra];
}
