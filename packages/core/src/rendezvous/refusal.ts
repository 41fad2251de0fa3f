import { errnoName } from '../errno-name.js';
import { type ErrorCode, PageferryError } from '../errors.js';
import { HELLO_KIND, type Hello, PROTOCOL_VERSION } from './hello.js';

/**
 * Why a sender refused a receiver. Parameters of the refusal say more, where there are any: with
 * `credentials` the user id that the sender serves and the one that it has found; with `failure` the errno
 * of the call that failed.
 */
export const REFUSAL = { version: 1, mechanism: 2, credentials: 3, noRoom: 4, failure: 5 } as const;

/** A sender's judgement on a hello that it can read: why it is refused, if it is. */
export function reasonToRefuse(
  hello: Hello,
  ownMechanism: string,
  hasRoom: () => boolean,
): number | undefined {
  if (hello.version !== PROTOCOL_VERSION) return REFUSAL.version;
  if (hello.mechanism !== ownMechanism) return REFUSAL.mechanism;
  return hasRoom() ? undefined : REFUSAL.noRoom;
}

/**
 * Passes a sender's answer that is a welcome.
 *
 * @param answer `undefined` if it is no message of a handshake.
 * @param path of the sender's endpoint, for messages.
 * @throws `NOT_PAGEFERRY`, `VERSION_MISMATCH`, `TRANSPORT_MISMATCH`, `PEER_REJECTED`, `PEER_MISBEHAVED`.
 */
export function checkWelcome(answer: Hello | undefined, path: string, ownMechanism: string): Hello {
  if (answer === undefined) throw notPageferry(path, 'answers something else');
  const isOurs = answer.version === PROTOCOL_VERSION;
  if (isOurs && answer.kind === HELLO_KIND.welcome) return answer;
  const isRefusal = isOurs && answer.kind === HELLO_KIND.refusal;
  if (isOurs && !isRefusal) throw brokenHandshake(path);
  throw refusalError(isRefusal ? answer.reason : REFUSAL.version, answer, path, ownMechanism);
}

/** The error for a sender that has refused this receiver. */
function refusalError(
  reason: number,
  { version, mechanism, parameters }: Hello,
  path: string,
  ownMechanism: string,
): PageferryError {
  const fail = (code: ErrorCode, what: string) =>
    new PageferryError(code, `the sender at ${path} ${what}`);
  switch (reason) {
    case REFUSAL.version:
      return fail(
        'VERSION_MISMATCH',
        `speaks version ${version} of the protocol, this receiver version ${PROTOCOL_VERSION}`,
      );
    case REFUSAL.mechanism:
      return otherTransport(path, mechanism, ownMechanism);
    case REFUSAL.credentials:
      return fail('PEER_REJECTED', `does not talk to this user${users(parameters)}`);
    case REFUSAL.noRoom:
      return fail('PEER_REJECTED', 'has as many receivers as it can serve');
    case REFUSAL.failure:
      return failureOf(path, parameters[0] ?? 0);
    default:
      return fail('PEER_REJECTED', 'refuses this receiver');
  }
}

/** Whom the sender serves, and whom it has found; nothing if it does not say. */
function users([served = 0, found = 0]: Uint32Array): string {
  return served === found
    ? ''
    : `: it serves user ${served}, and this process is user ${found} to it`;
}

/** The sender's own failure, for example too many open files: not this process's. */
function failureOf(path: string, errno: number): PageferryError {
  const words = `the sender at ${path} could not set up the connection`;
  if (errno === 0 || errno > MAX_ERRNO) return new PageferryError('PEER_REJECTED', words);
  const name = errnoName(errno);
  return new PageferryError('PEER_REJECTED', `${words}: ${name}`, { errno, errnoName: name });
}

/** The largest errno that the kernel has (include/linux/err.h). */
const MAX_ERRNO = 4095;

/** The error for a sender of another transport. */
export function otherTransport(path: string, theirs: string, own: string): PageferryError {
  return new PageferryError(
    'TRANSPORT_MISMATCH',
    `the sender at ${path} uses the transport '${theirs}', this receiver '${own}'`,
  );
}

/** The error for a sender that answers in a way that is possible and wrong. */
export function brokenHandshake(path: string): PageferryError {
  return new PageferryError('PEER_MISBEHAVED', `the sender at ${path} broke the handshake`);
}

/** The error for a program that does not answer the handshake as Pageferry would. */
export function notPageferry(path: string, what: string): PageferryError {
  return new PageferryError('NOT_PAGEFERRY', `the program at ${path} ${what}: it is not Pageferry`);
}
