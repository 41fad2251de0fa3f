import { fstatSync } from 'node:fs';
import { PageferryError } from '../errors.js';

/**
 * Passes a descriptor that is open. For destinations that are given nothing to write, which would tell.
 *
 * @throws `SYSTEM_CALL_FAILED`.
 */
export function checkIsOpen(fd: number): void {
  try {
    fstatSync(fd, { bigint: true });
  } catch (cause) {
    const { message, errno, code } = cause as NodeJS.ErrnoException;
    throw new PageferryError('SYSTEM_CALL_FAILED', message, {
      cause,
      bytesTransferred: 0,
      syscall: 'fstat',
      ...(errno === undefined ? {} : { errno: -errno }),
      ...(code === undefined ? {} : { errnoName: code }),
    });
  }
}
