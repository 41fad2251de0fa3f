import { invalidArgument } from './checks.js';
import { PageferryError } from './errors.js';

/**
 * Passes an options object, or `{}` for `undefined`.
 *
 * @param known the names of all options there are: another one is a mistake that would do nothing. Left
 *   out where the names are checked elsewhere.
 * @throws `INVALID_ARGUMENT` for anything that is not an object, and for an option that does not exist,
 *   with the name that is nearest to it.
 */
export function checkOptions<T extends object>(
  value: T | undefined,
  known?: readonly (keyof T & string)[],
): T {
  if (value === undefined) return {} as T;
  if (value === null || typeof value !== 'object') {
    throw invalidArgument('options', value, 'an object');
  }
  if (known === undefined) return value;
  for (const name of Object.keys(value)) {
    if (!known.includes(name as keyof T & string)) throw unknownOption(name, known);
  }
  return value;
}

function unknownOption(name: string, known: readonly string[]): PageferryError {
  const [nearest = ''] = [...known].sort((a, b) => distance(name, a) - distance(name, b));
  const isNear = distance(name, nearest) <= Math.max(2, name.length / 3);
  const advice = isNear ? `did you mean '${nearest}'?` : `there are ${known.join(', ')}`;
  return new PageferryError('INVALID_ARGUMENT', `there is no option '${name}': ${advice}`, {
    argument: name,
  });
}

/** How many letters have to be added, taken away or replaced to make one word of the other. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = (row[j - 1] as number) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[to.length] as number;
}
