import { closeSync, openSync } from 'node:fs';
import { constants, devNull } from 'node:os';
import { PageferryError } from '@pageferry/core';

/** What open(2) answers without descriptors: this process has too many open, or the machine has. */
const SHORTAGES = new Set(['EMFILE', 'ENFILE']);

/**
 * Makes sure that `count` descriptors can be opened. For what fails without in a way of its own: a package
 * that cannot be read seems to be missing, and Node remembers that.
 *
 * @param cause what has failed already, if anything has.
 * @throws `SYSTEM_CALL_FAILED` (`EMFILE`, `ENFILE`).
 */
export function checkSpareDescriptors(count: number, cause?: unknown): void {
  const taken: number[] = [];
  try {
    while (taken.length < count) taken.push(openSync(devNull, 'r'));
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (SHORTAGES.has(code)) throw shortage(code as 'EMFILE' | 'ENFILE', count, cause ?? error);
  } finally {
    for (const fd of taken) closeSync(fd);
  }
}

function shortage(errnoName: 'EMFILE' | 'ENFILE', count: number, cause: unknown): PageferryError {
  const left = count === 1 ? 'no descriptor is' : `fewer than ${count} descriptors are`;
  const whose = errnoName === 'EMFILE' ? 'this process (ulimit -n)' : 'this machine (fs.file-max)';
  return new PageferryError('SYSTEM_CALL_FAILED', `open: ${errnoName}, ${left} left to ${whose}`, {
    syscall: 'open',
    errno: constants.errno[errnoName],
    errnoName,
    cause,
  });
}
