import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import {
  checkEndpoint,
  EndpointPath,
  inheritedDescriptor,
  PageferryError,
  retryWithBackoff,
  toldWhy,
} from '@pageferry/core';
import {
  EAGAIN,
  ECONNREFUSED,
  EMFILE,
  ENOENT,
  ENOTDIR,
  EPROTOTYPE,
  type LinuxCalls,
  type OwnedFd,
  systemCallError,
  UnixSocket,
} from '@pageferry/linux';
import { PROTOCOL_VERSION } from '../control/layout.js';
import { checkIsSocket, LONGEST_PATH } from './endpoint.js';
import { endpointError, foreignEndpoint } from './endpoint-errors.js';
import { notPageferry, receiveHello } from './exchange.js';
import { decodeHello, encodeHello, HELLO_KIND, REFUSAL } from './hello.js';
import { adoptSocket } from './inherited.js';
import { askStream } from './other-transport.js';
import { refusalError } from './refusal-error.js';
import { isTrusted } from './trust.js';

/** What a receiver has once the handshake is over. It owns all of it. */
export interface Welcome {
  readonly socket: UnixSocket;
  readonly descriptors: readonly OwnedFd[];
  /** What the sender's mechanism said, as 32-bit words. Unchecked. */
  readonly parameters: Uint32Array;
}

/** A receiver on its way to its sender. */
interface Journey {
  readonly calls: LinuxCalls;
  /** The endpoint as it was asked for. */
  readonly path: string;
  readonly mechanism: string;
  readonly hello: Uint8Array;
  readonly signal: AbortSignal | undefined;
  /** Why there is no welcome yet. */
  state: string;
}

/**
 * Connects to a sender and shakes hands. Waits for the endpoint to appear, and for the sender to answer:
 * for as long as `signal` lets it.
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
  const journey: Journey = { calls, path, mechanism, hello, signal, state: '' };
  const inherited = inheritedDescriptor(path);
  try {
    return await (inherited === undefined
      ? connectByPath(journey, new EndpointPath(path))
      : connectInherited(journey, inherited));
  } catch (error) {
    throw toldWhy(error, signal, journey.state);
  }
}

async function connectInherited(journey: Journey, descriptor: number): Promise<Welcome> {
  const { calls, path } = journey;
  const socket = adoptSocket(calls, descriptor);
  const welcome = await shakeHandsOn(journey, socket, true);
  if (welcome !== undefined) return welcome;
  throw new PageferryError('PEER_DIED', `the sender at the other end of ${path} is gone`);
}

async function connectByPath(journey: Journey, place: EndpointPath): Promise<Welcome> {
  checkFolder(place);
  return retryWithBackoff(async () => {
    const socket = await tryConnect(journey, place);
    // Without a welcome the sender closed while we came: wait for the next one.
    return socket && shakeHandsOn(journey, socket, false);
  }, journey.signal);
}

/** Waiting does not make a folder, nor open one that is out of reach. */
function checkFolder({ absolute, given }: EndpointPath): void {
  let isFolder: boolean;
  try {
    isFolder = statSync(dirname(absolute), { bigint: true }).isDirectory();
  } catch (error) {
    throw endpointError('stat', (error as NodeJS.ErrnoException).errno ?? -ENOENT, given);
  }
  if (!isFolder) throw endpointError('connect', -ENOTDIR, given);
}

/** What connect(2) answers while there is nobody yet: all of it may change. */
const NOBODY: Readonly<Record<number, string>> = {
  [-ENOENT]: 'there is no such file',
  [-ECONNREFUSED]: 'nobody listens there, a process that has ended has left the file behind',
  [-EAGAIN]: 'somebody listens there, and lets too many others wait already',
};

async function tryConnect(journey: Journey, place: EndpointPath): Promise<UnixSocket | undefined> {
  const { calls, path, mechanism, signal } = journey;
  checkIsSocket(place);
  const address = place.address(LONGEST_PATH);
  const socket = UnixSocket.create(calls);
  const result = calls.connectUnix(socket.fd, address);
  if (result === 0) return socket;
  socket.close();
  const state = NOBODY[result];
  if (state === undefined) {
    if (result === -EPROTOTYPE) {
      journey.state = 'somebody listens there with another type of socket, and has said nothing';
      throw await askStream(calls, place, mechanism, signal);
    }
    throw endpointError('connect', result, result === -ENOENT ? path : place.absolute);
  }
  journey.state = state;
  return undefined;
}

/** As {@link shakeHands}; closes the socket unless it comes to a welcome. */
async function shakeHandsOn(
  journey: Journey,
  socket: UnixSocket,
  isInherited: boolean,
): Promise<Welcome | undefined> {
  try {
    const welcome = await shakeHands(journey, socket, isInherited);
    if (welcome === undefined) socket.close();
    return welcome;
  } catch (error) {
    socket.close();
    throw error;
  }
}

async function shakeHands(
  journey: Journey,
  socket: UnixSocket,
  isInherited: boolean,
): Promise<Welcome | undefined> {
  const { calls, path, mechanism, signal } = journey;
  // Whoever has inherited a descriptor may use it, whoever has made it.
  if (!isInherited) {
    const sender = socket.peerCredentials();
    if (!isTrusted(sender, process.geteuid?.())) throw foreignEndpoint(path, sender?.uid);
    const pid = sender?.pid === undefined ? '' : ` (pid ${sender.pid})`;
    journey.state = `somebody listens there${pid} and has said nothing`;
  }
  if (!socket.send(journey.hello)) return undefined;
  if (isInherited) socket.passCredentials(false);
  const message = await receiveHello(calls, socket, signal);
  if (message === undefined) {
    journey.state = 'somebody listens there and hangs up';
    return undefined;
  }
  const hello = decodeHello(message.bytes);
  const isWelcome = hello?.kind === HELLO_KIND.welcome && hello.version === PROTOCOL_VERSION;
  if (isWelcome && !message.truncated) {
    return { socket, descriptors: message.descriptors, parameters: hello.parameters };
  }
  for (const descriptor of message.descriptors) descriptor.close();
  if (hello === undefined) throw notPageferry(path, 'answered something else');
  if (isWelcome && message.descriptorsLost) throw lostDescriptors(path);
  if (hello.version !== PROTOCOL_VERSION)
    throw refusalError(REFUSAL.version, hello, path, mechanism);
  if (hello.kind === HELLO_KIND.refusal) throw refusalError(hello.reason, hello, path, mechanism);
  throw new PageferryError('PEER_MISBEHAVED', `the sender at ${path} broke the handshake`);
}

/** What the kernel throws away at `RLIMIT_NOFILE` it does not tell as an error of its own. */
function lostDescriptors(path: string): PageferryError {
  const context = `this process has no room for the descriptors of the sender at ${path}`;
  return systemCallError('recvmsg', -EMFILE, context);
}
