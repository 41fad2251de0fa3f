import { dirname } from 'node:path';
import {
  EndpointPath,
  type ErrorCode,
  onAbort,
  PageferryError,
  retryWithBackoff,
  SOCKET_TYPE,
  toldWhy,
  typeOfSocketAt,
} from '@pageferry/core';
import { checkLength, NAMED_PIPES, toAddress } from '../endpoint/address.js';
import { endpointError } from '../endpoint/errors.js';
import { checkFolder, checkSocketFile } from '../endpoint/file.js';
import { encodeHello, HELLO, type Hello, NAME, REFUSAL, VERSION } from '../protocol/hello.js';
import { Answer, type AnswerOutcome } from './answer.js';
import { ReceiverSocket } from './receiver-socket.js';

/** What connecting answers while there is nobody yet: all of it may change. */
const NOBODY: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'there is no such file'],
  ['ECONNREFUSED', 'nobody listens there, a process that has ended has left the file behind'],
  ['EAGAIN', 'somebody listens there, and lets too many others wait already'],
  ['ECONNRESET', 'somebody listens there and hangs up'],
  ['EPIPE', 'somebody listens there and hangs up'],
]);

const SILENT = 'somebody listens there and has said nothing';

/**
 * Connects to a sender and shakes hands. Waits for the endpoint to appear, and for the sender to answer:
 * for as long as `signal` lets it.
 *
 * @returns a socket at rest, on which frames come next. The caller owns it.
 * @throws as `Transport.createReceiver`.
 */
export async function connectToSender(
  endpoint: string,
  signal: AbortSignal | undefined,
): Promise<ReceiverSocket> {
  const place = new EndpointPath(endpoint);
  checkLength(place);
  if (!NAMED_PIPES) checkFolder(dirname(place.absolute), place);
  let state = '';
  try {
    return await retryWithBackoff(async () => {
      if (!NAMED_PIPES && !checkSocketFile(place, true)) {
        state = NOBODY.get('ENOENT') as string;
        return undefined;
      }
      const answering = new Answer();
      const socket = new ReceiverSocket(answering);
      socket.once('connect', () => {
        state = SILENT;
      });
      try {
        socket.connect({ path: toAddress(place) });
        socket.write(encodeHello(HELLO.hello));
        const answer = await orAborted(answering.outcome, signal);
        if (answer === 'foreign') throw notPageferry(endpoint, 'answers something else');
        if (answer === 'gone') {
          // Nobody is there yet, or the sender closed while this receiver came: wait for the next one.
          state = stateAfter(socket.cause, place);
          return undefined;
        }
        checkAnswer(answer, endpoint);
        return socket;
      } catch (error) {
        socket.destroy();
        throw error;
      }
    }, signal);
  } catch (error) {
    throw toldWhy(error, signal, state);
  }
}

/** Waits for an answer, unless `signal` ends that. */
function orAborted(
  answer: Promise<AnswerOutcome>,
  signal: AbortSignal | undefined,
): Promise<AnswerOutcome> {
  return new Promise<AnswerOutcome>((resolve, reject) => {
    const forget = onAbort(signal, () => reject(signal?.reason));
    void answer.then((outcome) => {
      forget();
      resolve(outcome);
    });
  });
}

/** Why there was no answer. Throws what will not change. */
function stateAfter(cause: NodeJS.ErrnoException | undefined, place: EndpointPath): string {
  const state = NOBODY.get(cause?.code ?? 'ECONNRESET');
  if (state !== undefined) return state;
  if (cause?.code === 'EPROTOTYPE') throw otherType(place);
  throw endpointError(cause, place);
}

/**
 * The error for another type of socket. Node cannot ask through one what the sender speaks; the kernel
 * tells the type.
 */
function otherType({ absolute, given }: EndpointPath): PageferryError {
  if (typeOfSocketAt(absolute) === SOCKET_TYPE.datagram) {
    return notPageferry(given, 'uses another type of socket');
  }
  const theirs = "uses the type of socket of the transports 'shared-mmap' and 'vmsplice'";
  return new PageferryError(
    'TRANSPORT_MISMATCH',
    `the program at ${given} ${theirs}, this receiver '${NAME}'`,
  );
}

function checkAnswer(answer: Hello, endpoint: string): void {
  const fail = (code: ErrorCode, what: string): never => {
    throw new PageferryError(code, `the sender at ${endpoint} ${what}`);
  };
  if (answer.version !== VERSION) {
    fail('VERSION_MISMATCH', `speaks version ${answer.version} of the protocol, not ${VERSION}`);
  }
  if (answer.kind === HELLO.welcome) return;
  if (answer.kind !== HELLO.refusal) fail('PEER_MISBEHAVED', 'broke the handshake');
  if (answer.reason === REFUSAL.noRoom) fail('PEER_REJECTED', 'has as many receivers as it serves');
  if (answer.reason === REFUSAL.version) fail('VERSION_MISMATCH', 'speaks another version');
  if (answer.reason === REFUSAL.transport) {
    fail('TRANSPORT_MISMATCH', `uses the transport '${answer.transport}', this receiver '${NAME}'`);
  }
  fail('PEER_REJECTED', 'refuses this receiver');
}

function notPageferry(endpoint: string, what: string): PageferryError {
  return new PageferryError(
    'NOT_PAGEFERRY',
    `the program at ${endpoint} ${what}: it is no sender of this transport`,
  );
}
