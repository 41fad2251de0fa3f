import {
  checkEndpoint,
  checkWaitOptions,
  checkWelcome,
  decodeHelloOfStream,
  decodeInspection,
  EndpointPath,
  encodeHello,
  endpointError,
  findSocketFile,
  foreignEndpoint,
  HELLO_BYTES,
  HELLO_KIND,
  INSPECTION,
  type Inspection,
  inheritedDescriptor,
  invalidArgument,
  isTrusted,
  MAX_INSPECTION_BYTES,
  notPageferry,
  PageferryError,
  type PeerCredentials,
  REFUSAL,
  retryWithBackoff,
  type WaitOptions,
  withDeadline,
} from '@pageferry/core';
import {
  EAGAIN,
  ECONNREFUSED,
  ENOENT,
  EPROTOTYPE,
  type LinuxCalls,
  POLLIN,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  systemCallError,
  UnixSocket,
  waitUntilReady,
} from '@pageferry/linux';

/** What is found out about whoever listens at an endpoint. */
export interface Inspected {
  /** Who it is, where the kernel can tell. */
  readonly credentials: PeerCredentials;
  /** The name of its mechanism: `shared-mmap`, `vmsplice`, `socket`, or one of these with `-channel`. */
  readonly mechanism: string;
  /** What it tells of itself; `undefined` if it refuses to. */
  readonly report: Inspection | undefined;
}

/** How long to wait for an answer unless it is said, in milliseconds. */
const PATIENCE = 1000;

/** The longest record that is read at once. */
const RECORD_BYTES = 64 * 1024;

/**
 * Asks whoever listens at an endpoint for its counters. It gets no receiver by that, and no message is touched. Asks
 * senders and listeners of every transport; those that know no inspections (in other languages, of other releases) say at
 * least which transport they have.
 *
 * @param endpoint a path or a name.
 * @param options `timeout` is 1000 unless it is said: who holds its event loop does not answer.
 * @returns `undefined` if nobody listens there.
 * @throws `INVALID_ARGUMENT`, `ENDPOINT_INVALID`, `ENDPOINT_TOO_LONG`, `ENDPOINT_FORBIDDEN` for another user's,
 *   `NOT_PAGEFERRY`, `VERSION_MISMATCH`, `PEER_REJECTED`, `PEER_DIED` if it hangs up without an answer, `PEER_MISBEHAVED`,
 *   `TIMEOUT`, `ABORTED`, `SYSTEM_CALL_FAILED`.
 */
export async function inspect(
  calls: LinuxCalls,
  endpoint: string,
  options: WaitOptions = {},
): Promise<Inspected | undefined> {
  checkEndpoint(endpoint);
  if (inheritedDescriptor(endpoint) !== undefined) {
    throw invalidArgument('endpoint', endpoint, 'a path or a name');
  }
  const place = new EndpointPath(endpoint);
  const { timeout = PATIENCE, signal } = checkWaitOptions(options);
  return await withDeadline(
    { signal, timeout },
    async (either) => {
      // A backlog that is full has room again a little later.
      const found = await retryWithBackoff(() => attempt(calls, place, either), either);
      return found === 'nobody' ? undefined : found;
    },
    () => `${place.given} lets this process connect, and does not answer`,
  );
}

/** `undefined` if it may be tried again. */
async function attempt(
  calls: LinuxCalls,
  place: EndpointPath,
  signal: AbortSignal | undefined,
): Promise<Inspected | 'nobody' | undefined> {
  if (findSocketFile(place) === undefined) return 'nobody';
  for (const type of [SOCK_SEQPACKET, SOCK_STREAM]) {
    const socket = UnixSocket.create(calls, type);
    try {
      const result = calls.connectUnix(socket.fd, place.address());
      if (result === 0) return await ask(calls, socket, place, signal);
      if (result === -ENOENT || result === -ECONNREFUSED) return 'nobody';
      if (result === -EAGAIN) return undefined;
      if (result !== -EPROTOTYPE) throw endpointError(systemCallError('connect', result), place);
    } finally {
      socket.close();
    }
  }
  throw notPageferry(place.given, 'uses another type of socket');
}

async function ask(
  calls: LinuxCalls,
  socket: UnixSocket,
  place: EndpointPath,
  signal: AbortSignal | undefined,
): Promise<Inspected> {
  const { given } = place;
  const credentials = socket.peerCredentials();
  if (credentials === undefined || !isTrusted(credentials, process.geteuid?.())) {
    throw foreignEndpoint(place);
  }
  socket.send(encodeHello(HELLO_KIND.hello, INSPECTION));
  const answer = await readAll(calls, socket, given, signal);
  if (answer.length === 0) {
    throw new PageferryError('PEER_DIED', `${given} hung up without an answer`);
  }
  const hello = decodeHelloOfStream(answer);
  const known = hello === 'foreign' ? undefined : hello;
  if (known?.kind === HELLO_KIND.refusal && known.reason === REFUSAL.mechanism) {
    return { credentials, mechanism: known.mechanism, report: undefined };
  }
  const { mechanism } = checkWelcome(known, given, INSPECTION);
  const report = decodeInspection(answer.toString('utf8', HELLO_BYTES));
  if (report !== undefined) return { credentials, mechanism, report };
  throw new PageferryError('PEER_MISBEHAVED', `${given} has answered with a report that is none`);
}

/** All that comes until the other one hangs up. */
async function readAll(
  calls: LinuxCalls,
  socket: UnixSocket,
  given: string,
  signal: AbortSignal | undefined,
): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const message = socket.receive(RECORD_BYTES);
    if (message === 'end') return Buffer.concat(parts);
    if (message === undefined) {
      await waitUntilReady(calls, socket.fd, POLLIN, 0, signal);
      continue;
    }
    for (const descriptor of message.descriptors) descriptor.close();
    length += message.bytes.length;
    if (message.truncated || length > HELLO_BYTES + MAX_INSPECTION_BYTES) {
      throw new PageferryError('PEER_MISBEHAVED', `${given} has answered with too much`);
    }
    parts.push(message.bytes);
  }
}
