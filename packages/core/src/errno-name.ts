import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';

/** The symbolic name of a positive errno, for example `EPERM` for 1. */
export function errnoName(errno: number): string {
  // One number with two names on Linux; vmsplice(2) and its like use the one that Node does not.
  if (errno === constants.errno.EOPNOTSUPP) return 'EOPNOTSUPP';
  const known = getSystemErrorMap().get(-errno)?.[0];
  if (known !== undefined) return known;
  // Node has words for some of the system's numbers alone, but the names of more.
  const named = Object.entries(constants.errno).find(([, value]) => value === errno);
  return named?.[0] ?? `errno ${errno}`;
}
