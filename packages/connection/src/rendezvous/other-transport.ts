import {
  clock,
  decodeHelloOfStream,
  type EndpointPath,
  encodeHello,
  HELLO_BYTES,
  HELLO_KIND,
  type Hello,
  isTrusted,
  notPageferry,
  otherTransport,
  PageferryError,
  withEither,
} from '@pageferry/core';
import {
  AF_UNIX,
  checkResult,
  EPROTOTYPE,
  type LinuxCalls,
  OwnedFd,
  POLLIN,
  SOCK_NONBLOCK,
  UnixSocket,
  waitUntilReady,
} from '@pageferry/linux';

/** The type of socket that the transport `socket` uses (unix(7)). */
const SOCK_STREAM = 1;

/** How long the other one may take to say what it is, in milliseconds. Nothing depends on the answer. */
const PATIENCE = 1000;

const SILENT = new PageferryError('TIMEOUT', 'the program does not say what it is');

/**
 * Why this receiver cannot talk to whoever listens with another type of socket than its own. Asks: the
 * beginning of a handshake is the same in all transports of Pageferry.
 *
 * @throws `signal.reason`, `SYSTEM_CALL_FAILED`.
 */
export async function askStream(
  calls: LinuxCalls,
  place: EndpointPath,
  mechanism: string,
  signal: AbortSignal | undefined,
): Promise<PageferryError> {
  const fd = checkResult(calls.socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), 'socket');
  const socket = new UnixSocket(calls, new OwnedFd(calls, fd));
  const patience = new AbortController();
  const timer = clock.setTimeout(() => patience.abort(SILENT), PATIENCE);
  try {
    const result = calls.connectUnix(fd, place.address());
    if (result === -EPROTOTYPE) return notPageferry(place.given, 'uses another type of socket');
    const maySay = result === 0 && isTrusted(socket.peerCredentials(), process.geteuid?.());
    if (!maySay) return silent(place.given, mechanism);
    const hears = socket.send(encodeHello(HELLO_KIND.hello, mechanism));
    const answer = await withEither(signal, patience.signal, async (either) =>
      hears ? readAnswer(calls, socket, either) : undefined,
    );
    if (answer === undefined) return notPageferry(place.given, 'uses another type of socket');
    return otherTransport(place.given, answer.mechanism, mechanism);
  } catch (error) {
    if (error !== SILENT) throw error;
    return silent(place.given, mechanism);
  } finally {
    clock.clearTimeout(timer);
    socket.close();
  }
}

function silent(path: string, mechanism: string): PageferryError {
  const theirs = "uses the type of socket that the transport 'socket' uses";
  return new PageferryError(
    'TRANSPORT_MISMATCH',
    `the program at ${path} ${theirs}, and has said nothing; this receiver uses '${mechanism}'`,
  );
}

/** A stream may bring an answer in parts. `undefined` if it ends before it is whole, or is none. */
async function readAnswer(
  calls: LinuxCalls,
  socket: UnixSocket,
  signal: AbortSignal,
): Promise<Hello | undefined> {
  const answer = Buffer.alloc(HELLO_BYTES);
  for (let length = 0; ; ) {
    const part = socket.receive(HELLO_BYTES - length);
    if (part === 'end') return undefined;
    if (part === undefined) {
      await waitUntilReady(calls, socket.fd, POLLIN, 0, signal);
      continue;
    }
    for (const descriptor of part.descriptors) descriptor.close();
    answer.set(part.bytes, length);
    length += part.bytes.length;
    const hello = decodeHelloOfStream(answer.subarray(0, length));
    if (hello !== undefined) return hello === 'foreign' ? undefined : hello;
  }
}
