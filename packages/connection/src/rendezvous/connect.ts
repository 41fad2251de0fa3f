import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { checkEndpoint, type ErrorCode, PageferryError, retryWithBackoff } from '@pageferry/core';
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
import { isTrusted } from './trust.js';

/** What a receiver has once the handshake is over. It owns all of it. */
export interface Welcome {
  readonly socket: UnixSocket;
  readonly descriptors: readonly OwnedFd[];
}

/** How long a sender may take to answer, in milliseconds. */
const PATIENCE = 10_000;

/**
 * Connects to a sender and shakes hands. Waits for the endpoint to appear.
 *
 * @param mechanism both sides must name the same.
 * @throws as `Transport.createReceiver`.
 */
export async function connect(
  calls: LinuxCalls,
  path: string,
  mechanism: string,
  signal: AbortSignal | undefined,
): Promise<Welcome> {
  checkEndpoint(path);
  if (!existsSync(dirname(path))) throw endpointError('connect', -ENOENT, path);
  return retryWithBackoff(async () => {
    const socket = tryConnect(calls, path);
    if (socket === undefined) return undefined;
    try {
      const descriptors = await shakeHands(calls, socket, path, mechanism, signal);
      if (descriptors !== undefined) return { socket, descriptors };
      socket.close(); // The sender closed while we came: wait for the next one.
      return undefined;
    } catch (error) {
      socket.close();
      throw error;
    }
  }, signal);
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
  mechanism: string,
  signal: AbortSignal | undefined,
): Promise<readonly OwnedFd[] | undefined> {
  if (!isTrusted(socket.peerCredentials())) {
    throw new PageferryError('ENDPOINT_FORBIDDEN', `the endpoint ${path} belongs to another user`);
  }
  if (!socket.send(encodeHello(HELLO_KIND.hello, mechanism))) return undefined;
  const patience = withPatience(PATIENCE, signal, () => notPageferry(path, 'did not answer'));
  try {
    const message = await receiveHello(calls, socket, patience.signal);
    if (message === undefined) return undefined;
    const hello = decodeHello(message.bytes);
    if (hello?.kind === HELLO_KIND.welcome && hello.version === PROTOCOL_VERSION) {
      if (!message.truncated) return message.descriptors;
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
