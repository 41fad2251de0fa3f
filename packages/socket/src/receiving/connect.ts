import {
  ALLOW_NOBODY_ELSE,
  type AllowSettings,
  checkFolder,
  checkWelcome,
  EndpointPath,
  encodeHello,
  endpointError,
  findSocketFile,
  foreignEndpoint,
  HELLO_KIND,
  isTrustedFile,
  notPageferry,
  onAbort,
  PageferryError,
  type Search,
  SOCKET_TYPE,
  seekSender,
  typeOfSocketAt,
} from '@pageferry/core';
import { NAMED_PIPES, toAddress } from '../endpoint/address.js';
import { Answer } from './answer.js';
import { ReceiverSocket } from './receiver-socket.js';

/**
 * Connects to who listens and shakes hands. Waits for the endpoint to appear, and for the answer: for as long
 * as `signal` lets it.
 *
 * @param mechanism its name: who says another one refuses.
 * @param allow whose the endpoint may be besides. Node does not tell the group of who listens.
 * @returns a socket at rest, on which frames come next. The caller owns it.
 * @throws as `Transport.createReceiver`.
 */
export async function connectToSender(
  endpoint: string,
  mechanism: string,
  signal: AbortSignal | undefined,
  allow: AllowSettings = ALLOW_NOBODY_ELSE,
): Promise<ReceiverSocket> {
  const place = new EndpointPath(endpoint);
  if (!NAMED_PIPES) checkFolder(place);
  return seekSender(signal, (search) => tryConnect(place, mechanism, search, signal, allow));
}

/** Without a welcome nobody is there yet, or the sender closed while this receiver came: the next one may. */
async function tryConnect(
  place: EndpointPath,
  mechanism: string,
  search: Search,
  signal: AbortSignal | undefined,
  allow: AllowSettings,
): Promise<ReceiverSocket | undefined> {
  if (!NAMED_PIPES && !hasTrustedFile(place, allow)) {
    search.failed('ENOENT');
    return undefined;
  }
  const answering = new Answer();
  const socket = new ReceiverSocket(answering);
  socket.once('connect', () => search.connected());
  const forget = onAbort(signal, () => socket.destroy());
  try {
    socket.connect({ path: toAddress(place) });
    socket.write(encodeHello(HELLO_KIND.hello, mechanism));
    const answer = await answering.outcome;
    if (signal?.aborted) throw signal.reason;
    if (answer !== 'gone') {
      checkWelcome(answer === 'foreign' ? undefined : answer, place.given, mechanism);
      return socket;
    }
    const code = (socket.cause as NodeJS.ErrnoException | undefined)?.code ?? 'ECONNRESET';
    if (search.failed(code)) return undefined;
    throw code === 'EPROTOTYPE' ? otherType(place, mechanism) : endpointError(socket.cause, place);
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    forget();
  }
}

/** False where nothing is. @throws `ENDPOINT_FORBIDDEN` for the file of another user. */
function hasTrustedFile(place: EndpointPath, allow: AllowSettings): boolean {
  const file = findSocketFile(place);
  if (file !== undefined && !isTrustedFile(file, allow)) throw foreignEndpoint(place);
  return file !== undefined;
}

/**
 * The error for another type of socket. Node cannot ask through one what the sender speaks; the kernel
 * tells the type.
 */
function otherType({ absolute, given }: EndpointPath, mechanism: string): PageferryError {
  if (typeOfSocketAt(absolute) === SOCKET_TYPE.datagram) {
    return notPageferry(given, 'uses another type of socket');
  }
  const theirs = "uses the type of socket of the transports 'shared-mmap' and 'vmsplice'";
  return new PageferryError(
    'TRANSPORT_MISMATCH',
    `the program at ${given} ${theirs}, this receiver '${mechanism}'`,
  );
}
