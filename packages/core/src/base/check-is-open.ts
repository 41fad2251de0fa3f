import { fstatSync } from 'node:fs';
import { fileCallFailed } from './file-call-failed.js';

/**
 * Passes a descriptor that is open. For destinations that are given nothing to write, which would tell.
 *
 * @throws `SYSTEM_CALL_FAILED`.
 */
export function checkIsOpen(fd: number): void {
  try {
    fstatSync(fd, { bigint: true });
  } catch (error) {
    throw fileCallFailed(error, 'fstat', 0);
  }
}
