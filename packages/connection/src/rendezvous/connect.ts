import {
  ALLOW_NOBODY_ELSE,
  type AllowSettings,
  brokenHandshake,
  checkEndpoint,
  checkFolder,
  checkWelcome,
  decodeHello,
  EndpointPath,
  encodeHello,
  endpointError,
  findSocketFile,
  foreignEndpoint,
  HELLO_KIND,
  inheritedDescriptor,
  isTrusted,
  PageferryError,
  type Search,
  seekSender,
} from '@pageferry/core';
import {
  EMFILE,
  EPROTOTYPE,
  errnoName,
  type LinuxCalls,
  type OwnedFd,
  type SocketMessage,
  systemCallError,
  UnixSocket,
} from '@pageferry/linux';
import { receiveHello } from './exchange.js';
import { adoptSocket } from './inherited.js';
import { askStream } from './other-transport.js';

/** What a receiver has once the handshake is over. It owns all of it. */
export interface Welcome {
  /** At rest; it stays open until one of the two ends. */
  readonly socket: UnixSocket;
  /** What the sender has passed. Unchecked. */
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
  readonly passed: readonly { readonly fd: number }[];
  readonly signal: AbortSignal | undefined;
  readonly allow: AllowSettings;
}

/**
 * Connects to a sender and shakes hands. Waits for the endpoint to appear, and for the sender to answer:
 * for as long as `signal` lets it.
 *
 * @param path of the endpoint, or `fd:N` for a connected socket that this takes over.
 * @param mechanism both sides must name the same.
 * @param parameters what the mechanism has to tell the sender, as 32-bit words.
 * @param passed descriptors to pass with that; they stay the caller's.
 * @param allow whose the endpoint may be besides.
 * @throws as `Transport.createReceiver`.
 */
export async function connect(
  calls: LinuxCalls,
  path: string,
  mechanism: string,
  signal: AbortSignal | undefined,
  parameters: readonly number[] = [],
  passed: readonly { readonly fd: number }[] = [],
  allow: AllowSettings = ALLOW_NOBODY_ELSE,
): Promise<Welcome> {
  checkEndpoint(path);
  const hello = encodeHello(HELLO_KIND.hello, mechanism, 0, parameters);
  const journey: Journey = { calls, path, mechanism, hello, passed, signal, allow };
  const inherited = inheritedDescriptor(path);
  if (inherited !== undefined) return connectInherited(journey, inherited);
  const place = new EndpointPath(path);
  checkFolder(place);
  return seekSender(signal, (search) => connectByPath(journey, place, search));
}

async function connectInherited(journey: Journey, descriptor: number): Promise<Welcome> {
  const { calls, path } = journey;
  const socket = adoptSocket(calls, descriptor);
  // Whoever has inherited a descriptor may use it, whoever has made it.
  const welcome = await shakeHands(journey, socket, () => {
    const isSent = socket.send(journey.hello, journey.passed);
    // The hello tells who has sent it; nothing that comes later has to.
    if (isSent) socket.passCredentials(false);
    return isSent;
  });
  if (welcome !== undefined) return welcome;
  throw new PageferryError('PEER_DIED', `the sender at the other end of ${path} is gone`);
}

/** Without a welcome nobody is there yet, or the sender closed while we came: wait for the next one. */
async function connectByPath(
  journey: Journey,
  place: EndpointPath,
  search: Search,
): Promise<Welcome | undefined> {
  const { calls, mechanism, signal } = journey;
  findSocketFile(place);
  const socket = UnixSocket.create(calls);
  const result = calls.connectUnix(socket.fd, place.address());
  if (result === 0) {
    const welcome = await shakeHands(journey, socket, () => {
      checkSender(socket, place, search, journey.allow);
      return socket.send(journey.hello, journey.passed);
    });
    if (welcome === undefined) search.failed('ECONNRESET');
    return welcome;
  }
  socket.close();
  if (search.failed(errnoName(-result))) return undefined;
  if (result !== -EPROTOTYPE) throw endpointError(systemCallError('connect', result), place);
  search.connected();
  throw await askStream(calls, place, mechanism, signal);
}

/** @throws `ENDPOINT_FORBIDDEN` for a sender of another user, `SYSTEM_CALL_FAILED`. */
function checkSender(
  socket: UnixSocket,
  place: EndpointPath,
  search: Search,
  allow: AllowSettings,
): void {
  const sender = socket.peerCredentials();
  const user = process.geteuid?.();
  search.connected(sender?.pid);
  if (isTrusted(sender, user, allow)) return;
  const owner = sender === undefined ? 'a user that is unknown here' : `user ${sender.uid}`;
  throw foreignEndpoint(place, `: it belongs to ${owner}, and this process runs as user ${user}`);
}

/**
 * Says hello and waits for the answer. Closes the socket unless that is a welcome.
 *
 * @param sayHello false if nobody hears it any more.
 * @returns `undefined` if the sender has hung up.
 */
async function shakeHands(
  { calls, path, mechanism, signal }: Journey,
  socket: UnixSocket,
  sayHello: () => boolean,
): Promise<Welcome | undefined> {
  let welcome: Welcome | undefined;
  try {
    if (!sayHello()) return undefined;
    const message = await receiveHello(calls, socket, signal);
    if (message !== undefined) welcome = openWelcome(socket, message, path, mechanism);
    return welcome;
  } finally {
    if (welcome === undefined) socket.close();
  }
}

/** Takes over the descriptors of an answer that is a welcome; closes them if it is none. */
function openWelcome(
  socket: UnixSocket,
  message: SocketMessage,
  path: string,
  mechanism: string,
): Welcome {
  const { bytes, descriptors, descriptorsLost, truncated } = message;
  try {
    const { parameters } = checkWelcome(decodeHello(bytes), path, mechanism);
    if (descriptorsLost) throw lostDescriptors(path);
    if (truncated) throw brokenHandshake(path);
    return { socket, descriptors, parameters };
  } catch (error) {
    for (const descriptor of descriptors) descriptor.close();
    throw error;
  }
}

/** What the kernel throws away at `RLIMIT_NOFILE` it does not tell as an error of its own. */
function lostDescriptors(path: string): PageferryError {
  const context = `this process has no room for the descriptors of the sender at ${path}`;
  return systemCallError('recvmsg', -EMFILE, context);
}
