import { type ErrorCode, PageferryError } from '@pageferry/core';
import { errnoName } from '@pageferry/linux';
import { PROTOCOL_VERSION } from '../control/layout.js';
import { type Hello, REFUSAL } from './hello.js';

/** The error for a sender that has refused this receiver. */
export function refusalError(
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

/** The error for a sender of another transport. */
export function otherTransport(path: string, theirs: string, own: string): PageferryError {
  return new PageferryError(
    'TRANSPORT_MISMATCH',
    `the sender at ${path} uses the transport '${theirs}', this receiver '${own}'`,
  );
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
