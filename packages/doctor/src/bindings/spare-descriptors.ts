import { closeSync, openSync } from 'node:fs';
import { constants, devNull } from 'node:os';
import { PageferryError } from '@pageferry/core';

/** More than a sender and a receiver together take, and than Node takes to load a package. */
const ENOUGH = 24;

/**
 * Makes sure that there are descriptors to work with. Without them each part fails in its own way: a
 * package seems to be missing, a sender refuses its receiver.
 *
 * @throws `SYSTEM_CALL_FAILED` with `EMFILE`.
 */
export function checkSpareDescriptors(): void {
  const taken: number[] = [];
  try {
    while (taken.length < ENOUGH) taken.push(openSync(devNull, 'r'));
  } catch (cause) {
    const words = `EMFILE: fewer than ${ENOUGH} descriptors are left to this process`;
    const errno = { syscall: 'open', errno: constants.errno.EMFILE, errnoName: 'EMFILE' };
    throw new PageferryError('SYSTEM_CALL_FAILED', words, { ...errno, cause });
  } finally {
    for (const fd of taken) closeSync(fd);
  }
}
