import {
  decodeHelloOfStream,
  type EndpointPath,
  encodeHello,
  HELLO_KIND,
  type Hello,
  isPageferryError,
  isTrusted,
  notPageferry,
  otherTransport,
  PageferryError,
  withDeadline,
} from '@pageferry/core';
import { EPROTOTYPE, type LinuxCalls, SOCK_STREAM, UnixSocket } from '@pageferry/linux';
import { receiveHello } from './exchange.js';

/** How long the other one may take to say what it is, in milliseconds. Nothing depends on the answer. */
const PATIENCE = 1000;

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
  const socket = UnixSocket.create(calls, SOCK_STREAM);
  const ask = async (either: AbortSignal | undefined): Promise<PageferryError> => {
    const result = calls.connectUnix(socket.fd, place.address());
    if (result === -EPROTOTYPE) return notPageferry(place.given, 'uses another type of socket');
    const maySay = result === 0 && isTrusted(socket.peerCredentials(), process.geteuid?.());
    if (!maySay) return silent(place.given, mechanism);
    const hears = socket.send(encodeHello(HELLO_KIND.hello, mechanism));
    const answer = hears ? await readAnswer(calls, socket, either) : undefined;
    if (answer === undefined) return notPageferry(place.given, 'uses another type of socket');
    return otherTransport(place.given, answer.mechanism, mechanism);
  };
  try {
    return await withDeadline({ signal, timeout: PATIENCE }, ask, () => 'no answer');
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    if (!isPageferryError(error, 'TIMEOUT')) throw error;
    return silent(place.given, mechanism);
  } finally {
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
  signal: AbortSignal | undefined,
): Promise<Hello | undefined> {
  for (let heard = Buffer.alloc(0); ; ) {
    const part = await receiveHello(calls, socket, signal);
    if (part === undefined) return undefined;
    for (const descriptor of part.descriptors) descriptor.close();
    heard = Buffer.concat([heard, part.bytes]);
    const hello = decodeHelloOfStream(heard);
    if (hello !== undefined) return hello === 'foreign' ? undefined : hello;
  }
}
