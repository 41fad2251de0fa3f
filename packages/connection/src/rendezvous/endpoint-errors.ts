import { describeOwner, type ErrorCode, PageferryError } from '@pageferry/core';
import {
  EACCES,
  EADDRINUSE,
  ELOOP,
  ENAMETOOLONG,
  ENOENT,
  ENOTDIR,
  EPERM,
  errnoName,
  systemCallError,
} from '@pageferry/linux';

/** The typed error for a failed bind(2) or connect(2). */
export function endpointError(syscall: string, result: number, path: string): PageferryError {
  const cause = systemCallError(syscall, result, path);
  const fail = (code: ErrorCode, message: string) =>
    new PageferryError(code, message, {
      cause,
      syscall,
      errno: -result,
      errnoName: errnoName(-result),
    });
  switch (result) {
    case -ENAMETOOLONG:
      return fail('ENDPOINT_TOO_LONG', `the endpoint path is longer than 107 bytes: ${path}`);
    case -EADDRINUSE:
      return fail('ENDPOINT_IN_USE', `the endpoint is in use: ${path}`);
    case -EACCES:
    case -EPERM:
      return fail(
        'ENDPOINT_FORBIDDEN',
        `this user may not use the endpoint ${path}${describeOwner(path)}`,
      );
    case -ELOOP:
      return fail('ENDPOINT_INVALID', `the endpoint path has too many symbolic links: ${path}`);
    case -ENOENT:
    case -ENOTDIR:
      return fail('ENDPOINT_INVALID', `there is no folder for the endpoint ${path}`);
    default:
      return cause;
  }
}

/** The error for an endpoint whose program runs as another user than this one. */
export function foreignEndpoint(path: string, uid: number | undefined): PageferryError {
  const owner = uid === undefined ? 'a user that is unknown here' : `user ${uid}`;
  return new PageferryError(
    'ENDPOINT_FORBIDDEN',
    `the endpoint ${path} belongs to ${owner}, and this process runs as user ${process.geteuid?.()}`,
  );
}
