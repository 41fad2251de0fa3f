import { constants } from 'node:os';
import { type ErrorCode, type ErrorDetails, isPageferryError, PageferryError } from '../errors.js';
import { lackedForFile, lackedPermission, lackedPermissionAt } from '../permission.js';
import type { EndpointPath } from './endpoint-path.js';
import { describeOwner } from './file-owner.js';

type Place = Pick<EndpointPath, 'given' | 'absolute'>;

const FORBIDDEN = ['ENDPOINT_FORBIDDEN', 'this user may not use the endpoint'] as const;
const IN_USE = ['ENDPOINT_IN_USE', 'a live program listens at the endpoint'] as const;
const NO_FOLDER = ['ENDPOINT_INVALID', 'there is no folder for the endpoint'] as const;

/** What it means, by the name of its errno, that an endpoint cannot be bound or reached. */
const MEANINGS = {
  ENAMETOOLONG: ['ENDPOINT_TOO_LONG', 'the endpoint path is too long'],
  EADDRINUSE: IN_USE,
  EEXIST: IN_USE,
  EACCES: FORBIDDEN,
  EPERM: FORBIDDEN,
  EROFS: FORBIDDEN,
  ENOENT: NO_FOLDER,
  ENOTDIR: NO_FOLDER,
  ELOOP: ['ENDPOINT_INVALID', 'the endpoint path has too many symbolic links'],
  ENOTSOCK: ['ENDPOINT_INVALID', 'the endpoint exists and is no socket'],
} as const satisfies Readonly<Record<string, readonly [ErrorCode, string]>>;

/**
 * The typed error for an endpoint that could not be bound or reached.
 *
 * @param cause an error of Node's, or `SYSTEM_CALL_FAILED`. Other typed errors are passed on.
 */
export function endpointError(cause: unknown, place: Place): PageferryError {
  const lacked = lackedPermissionAt(cause, place.absolute);
  if (lacked !== undefined) return notPermitted([lacked], place, cause);
  const failed = isPageferryError(cause) ? cause : nodeCallFailed(cause);
  const { code, errnoName = '' } = failed;
  if (code !== 'SYSTEM_CALL_FAILED' || !Object.hasOwn(MEANINGS, errnoName)) return failed;
  return unusableEndpoint(errnoName as keyof typeof MEANINGS, place, { ...failed, cause });
}

/**
 * Passes an endpoint whose file this process may make and remove, as far as Node's permission model is concerned:
 * system calls of one's own go past it, and would leave a file that cannot be removed.
 *
 * @throws `ENDPOINT_FORBIDDEN`
 */
export function checkPermission(place: Place): void {
  const lacked = lackedForFile(place.absolute);
  if (lacked.length > 0) throw notPermitted(lacked, place);
}

function notPermitted(flags: readonly string[], place: Place, cause?: unknown): PageferryError {
  const words = `Node's permission model keeps this process from the endpoint ${place.given}`;
  return new PageferryError('ENDPOINT_FORBIDDEN', `${words} without ${flags.join(' ')}`, { cause });
}

/** As {@link endpointError}, for what was found without a call that failed. */
export function unusableEndpoint(
  errnoName: keyof typeof MEANINGS,
  place: Place,
  details: ErrorDetails = {},
): PageferryError {
  const [code, words] = MEANINGS[errnoName];
  const owner = code === 'ENDPOINT_FORBIDDEN' ? describeOwner(place.absolute) : '';
  return new PageferryError(code, `${words}: ${place.given}${owner}`, details);
}

/**
 * The error for an endpoint of another user.
 *
 * @param whose says whose it is, as the end of the message.
 */
export function foreignEndpoint(
  place: Place,
  whose: string = describeOwner(place.absolute),
): PageferryError {
  const words = `the endpoint is another user's: ${place.given}${whose}`;
  return new PageferryError('ENDPOINT_FORBIDDEN', words);
}

/** The typed error for a call of Node's that failed without a meaning of its own. */
export function nodeCallFailed(cause: unknown): PageferryError {
  const { message, syscall, errno, code } = cause as NodeJS.ErrnoException;
  const lacked = lackedPermission(cause);
  if (lacked !== undefined) {
    const words = `Node's permission model does not allow this without ${lacked}`;
    return new PageferryError('SYSTEM_CALL_FAILED', words, {
      cause,
      ...(syscall === undefined ? {} : { syscall }),
      errno: constants.errno.EACCES,
      errnoName: 'EACCES',
    });
  }
  return new PageferryError('SYSTEM_CALL_FAILED', message, {
    cause,
    ...(syscall === undefined ? {} : { syscall }),
    ...(errno === undefined ? {} : { errno: Math.abs(errno) }),
    ...(code === undefined ? {} : { errnoName: code }),
  });
}
