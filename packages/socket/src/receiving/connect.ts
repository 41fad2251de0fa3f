import { dirname } from 'node:path';
import { clock, type ErrorCode, onAbort, PageferryError, retryWithBackoff } from '@pageferry/core';
import { NAMED_PIPES, toAddress } from '../endpoint/address.js';
import { endpointError } from '../endpoint/errors.js';
import { checkFolder, checkSocketFile } from '../endpoint/file.js';
import { encodeHello, HELLO, type Hello, REFUSAL, VERSION } from '../protocol/hello.js';
import { Answer, type AnswerOutcome } from './answer.js';
import { ReceiverSocket } from './receiver-socket.js';

/** How long a sender may take to answer the hello, in milliseconds. */
const PATIENCE = 5000;

/** Not there yet, left behind by a killed process, or busy: all of them may change. */
const MAY_CHANGE = new Set(['ENOENT', 'ECONNREFUSED', 'EAGAIN', 'ECONNRESET', 'EPIPE']);

/**
 * Connects to a sender and shakes hands. Waits for the endpoint to appear.
 *
 * @param patience how long the sender may take to answer, in milliseconds.
 * @returns a socket at rest, on which frames come next. The caller owns it.
 * @throws as `Transport.createReceiver`.
 */
export async function connectToSender(
  endpoint: string,
  signal: AbortSignal | undefined,
  patience = PATIENCE,
): Promise<ReceiverSocket> {
  const address = toAddress(endpoint);
  if (!NAMED_PIPES) checkFolder(dirname(endpoint), endpoint);
  return retryWithBackoff(async () => {
    if (!NAMED_PIPES && !checkSocketFile(endpoint, true)) return undefined;
    const answering = new Answer();
    const socket = new ReceiverSocket(answering);
    try {
      socket.connect({ path: address });
      socket.write(encodeHello(HELLO.hello));
      const answer = await withPatience(answering.outcome, signal, patience);
      if (answer === 'silent') throw notPageferry(endpoint, 'does not answer');
      if (answer === 'foreign') throw notPageferry(endpoint, 'answers something else');
      if (answer === 'gone') {
        // Nobody is there yet, or the sender closed while this receiver came: wait for the next one.
        checkCause(socket.cause, endpoint);
        return undefined;
      }
      checkAnswer(answer, endpoint);
      return socket;
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }, signal);
}

/** Waits for an answer, but not for ever. */
function withPatience(
  answer: Promise<AnswerOutcome>,
  signal: AbortSignal | undefined,
  patience: number,
): Promise<AnswerOutcome | 'silent'> {
  return new Promise<AnswerOutcome | 'silent'>((resolve, reject) => {
    const timer = clock.setTimeout(() => resolve('silent'), patience);
    const forget = onAbort(signal, () => reject(signal?.reason));
    void answer.then((outcome) => {
      clock.clearTimeout(timer);
      forget();
      resolve(outcome);
    });
  });
}

function checkCause(cause: NodeJS.ErrnoException | undefined, endpoint: string): void {
  if (cause === undefined || MAY_CHANGE.has(cause.code ?? '')) return;
  if (cause.code === 'EPROTOTYPE') throw notPageferry(endpoint, 'uses another type of socket');
  throw endpointError(cause, endpoint);
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
    fail('TRANSPORT_MISMATCH', `uses the transport '${answer.transport}'`);
  }
  fail('PEER_REJECTED', 'refuses this receiver');
}

function notPageferry(endpoint: string, what: string): PageferryError {
  return new PageferryError(
    'NOT_PAGEFERRY',
    `the program at ${endpoint} ${what}: it is no sender of this transport`,
  );
}
