import { PageferryError } from '../errors.js';

/**
 * The typed error for a call of `node:fs` that failed.
 *
 * @param syscall if the error does not name one.
 */
export function fileCallFailed(
  cause: unknown,
  syscall: string,
  bytesTransferred: number,
): PageferryError {
  const error = cause as NodeJS.ErrnoException;
  return new PageferryError('SYSTEM_CALL_FAILED', error.message, {
    cause,
    syscall: error.syscall ?? syscall,
    bytesTransferred,
    ...(error.errno === undefined ? {} : { errno: -error.errno }),
    ...(error.code === undefined ? {} : { errnoName: error.code }),
  });
}
