import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import {
  checkEndpoint,
  type ErrorCode,
  inheritedDescriptor,
  PageferryError,
  retryWithBackoff,
} from '@pageferry/core';
import {
  EAGAIN,
  ECONNREFUSED,
  ENOENT,
  EPROTOTYPE,
  type LinuxCalls,
  type OwnedFd,
  UnixSocket,
} from '@pageferry/linux';
import { PROTOCOL_VERSION } from '../control/layout.js';
import { checkIsSocket, endpointError } from './endpoint.js';
import { notPageferry, receiveHello, withPatience } from './exchange.js';
import { decodeHello, encodeHello, HELLO_KIND, REFUSAL } from './hello.js';
import { adoptSocket } from './inherited.js';
import { isTrusted } from './trust.js';

/** What a receiver has once the handshake is over. It owns all of it. */
export interface Welcome {
  readonly socket: UnixSocket;
  readonly descriptors: readonly OwnedFd[];
  /** What the sender's mechanism said, as 32-bit words. Unchecked. */
  readonly parameters: Uint32Array;
}

/** How long a sender may take to answer, in milliseconds. */
const PATIENCE = 10_000;

/**
 * Connects to a sender and shakes hands. Waits for the endpoint to appear.
 *
 * @param path of the endpoint, or `fd:N` for a connected socket that this takes over.
 * @param mechanism both sides must name the same.
 * @param parameters what the mechanism has to tell the sender, as 32-bit words.
 * @throws as `Transport.createReceiver`.
 */
export async function connect(
  calls: LinuxCalls,
  path: string,
  mechanism: string,
  signal: AbortSignal | undefined,
  parameters: readonly number[] = [],
): Promise<Welcome> {
  checkEndpoint(path);
  const hello = encodeHello(HELLO_KIND.hello, mechanism, 0, parameters);
  const inherited = inheritedDescriptor(path);
  if (inherited !== undefined) {
    const socket = adoptSocket(calls, inherited);
    const welcome = await shakeHandsOn(calls, socket, path, hello, signal);
    if (welcome !== undefined) return welcome;
    throw new PageferryError('PEER_DIED', `the sender at the other end of ${path} is gone`);
  }
  if (!existsSync(dirname(path))) throw endpointError('connect', -ENOENT, path);
  return retryWithBackoff(async () => {
    const socket = tryConnect(calls, path);
    // Without a welcome the sender closed while we came: wait for the next one.
    return socket && shakeHandsOn(calls, socket, path, hello, signal);
  }, signal);
}

/** As {@link shakeHands}; closes the socket unless it comes to a welcome. */
async function shakeHandsOn(
  calls: LinuxCalls,
  socket: UnixSocket,
  path: string,
  hello: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<Welcome | undefined> {
  try {
    const welcome = await shakeHands(calls, socket, path, hello, signal);
    if (welcome === undefined) socket.close();
    return welcome;
  } catch (error) {
    socket.close();
    throw error;
  }
}

function tryConnect(calls: LinuxCalls, path: string): UnixSocket | undefined {
  checkIsSocket(path);
  const socket = UnixSocket.create(calls);
  const result = calls.connectUnix(socket.fd, path);
  if (result === 0) return socket;
  socket.close();
  // Not there yet, left behind by a killed process, or busy: all of them may change.
  if (result === -ENOENT || result === -ECONNREFUSED || result === -EAGAIN) return undefined;
  if (result === -EPROTOTYPE) throw notPageferry(path, 'uses another type of socket');
  throw endpointError('connect', result, path);
}

async function shakeHands(
  calls: LinuxCalls,
  socket: UnixSocket,
  path: string,
  ownHello: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<Welcome | undefined> {
  const isInherited = inheritedDescriptor(path) !== undefined;
  // Whoever has inherited a descriptor may use it, whoever has made it.
  if (!isInherited && !isTrusted(socket.peerCredentials())) {
    throw new PageferryError('ENDPOINT_FORBIDDEN', `the endpoint ${path} belongs to another user`);
  }
  if (!socket.send(ownHello)) return undefined;
  if (isInherited) socket.passCredentials(false);
  // A sender that inherits its socket may start much later.
  const patience = withPatience(isInherited ? undefined : PATIENCE, signal, () =>
    notPageferry(path, 'did not answer'),
  );
  try {
    const message = await receiveHello(calls, socket, patience.signal);
    if (message === undefined) return undefined;
    const hello = decodeHello(message.bytes);
    if (hello?.kind === HELLO_KIND.welcome && hello.version === PROTOCOL_VERSION) {
      const { descriptors } = message;
      if (!message.truncated) return { socket, descriptors, parameters: hello.parameters };
    }
    for (const descriptor of message.descriptors) descriptor.close();
    if (hello === undefined) throw notPageferry(path, 'answered something else');
    if (hello.version !== PROTOCOL_VERSION) throw refusalError(REFUSAL.version, hello, path);
    if (hello.kind === HELLO_KIND.refusal) throw refusalError(hello.reason, hello, path);
    throw new PageferryError('PEER_MISBEHAVED', `the sender at ${path} broke the handshake`);
  } finally {
    patience.done();
  }
}

function refusalError(
  reason: number,
  hello: { readonly version: number; readonly mechanism: string },
  path: string,
): PageferryError {
  const fail = (code: ErrorCode, what: string) =>
    new PageferryError(code, `the sender at ${path} ${what}`);
  switch (reason) {
    case REFUSAL.version:
      return fail(
        'VERSION_MISMATCH',
        `speaks version ${hello.version} of the protocol, this receiver version ${PROTOCOL_VERSION}`,
      );
    case REFUSAL.mechanism:
      return fail('TRANSPORT_MISMATCH', `uses the transport '${hello.mechanism}'`);
    case REFUSAL.credentials:
      return fail('PEER_REJECTED', 'does not talk to this user');
    case REFUSAL.noRoom:
      return fail('PEER_REJECTED', 'has as many receivers as it can serve');
    default:
      return fail('PEER_REJECTED', 'could not set up the connection');
  }
}
