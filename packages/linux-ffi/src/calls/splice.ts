import { EINVAL } from '@pageferry/linux';
import type { Driver } from '../drivers/driver.js';
import type { Errno } from './errno.js';

/** splice(2) without offsets. */
export function declareSplice(driver: Driver, errno: Errno) {
  const splice = driver.declare('splice', 'int', [
    'int',
    'pointer',
    'int',
    'pointer',
    'wide',
    'uint',
  ]);
  return (from: number, to: number, length: number, flags: number): number => {
    if (length < 0) return -EINVAL;
    const count = driver.wide(length);
    return errno.repeat(() => splice(from, 0n, to, 0n, count, flags >>> 0));
  };
}
