import {
  describeOwner,
  type EndpointPath,
  type ErrorCode,
  isPageferryError,
  PageferryError,
} from '@pageferry/core';

/** The typed error for a system call that failed without a meaning of its own. */
export function systemCallError(cause: unknown): PageferryError {
  const { message, syscall, errno, code } = cause as NodeJS.ErrnoException;
  return new PageferryError('SYSTEM_CALL_FAILED', message, details(cause, syscall, errno, code));
}

type Place = Pick<EndpointPath, 'given' | 'absolute'>;

/** The typed error for an endpoint that could not be bound or reached. Passes typed errors on. */
export function endpointError(cause: unknown, place: Place): PageferryError {
  if (isPageferryError(cause)) return cause;
  const { syscall, errno, code } = cause as NodeJS.ErrnoException;
  const fail = (errorCode: ErrorCode, message: string, more = ''): PageferryError =>
    new PageferryError(
      errorCode,
      `${message}: ${place.given}${more}`,
      details(cause, syscall, errno, code),
    );
  switch (code) {
    case 'ENAMETOOLONG':
      return fail('ENDPOINT_TOO_LONG', 'the endpoint path is too long');
    case 'EADDRINUSE':
    case 'EEXIST':
      return fail('ENDPOINT_IN_USE', 'a live program listens at the endpoint');
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return fail(
        'ENDPOINT_FORBIDDEN',
        'this user may not use the endpoint',
        describeOwner(place.absolute),
      );
    case 'ENOENT':
    case 'ENOTDIR':
      return fail('ENDPOINT_INVALID', 'there is no folder for the endpoint');
    case 'ELOOP':
      return fail('ENDPOINT_INVALID', 'the endpoint path has too many symbolic links');
    case 'ENOTSOCK':
      return invalidEndpoint(place.given);
    default:
      return systemCallError(cause);
  }
}

/** The error for something else in the endpoint's place. */
export function invalidEndpoint(endpoint: string): PageferryError {
  return new PageferryError(
    'ENDPOINT_INVALID',
    `the endpoint exists and is no socket: ${endpoint}`,
  );
}

/** The error for an endpoint of another user. */
export function foreignEndpoint({ given, absolute }: Place): PageferryError {
  const words = `the endpoint is another user's: ${given}${describeOwner(absolute)}`;
  return new PageferryError('ENDPOINT_FORBIDDEN', words);
}

function details(
  cause: unknown,
  syscall: string | undefined,
  errno: number | undefined,
  code: string | undefined,
) {
  return {
    cause,
    ...(syscall === undefined ? {} : { syscall }),
    ...(errno === undefined ? {} : { errno: Math.abs(errno) }),
    ...(code === undefined ? {} : { errnoName: code }),
  };
}
