import { inspect } from 'node:util';

/** What was thrown, in words. That may have been anything, also what cannot be made a text of. */
export function thrownInWords(thrown: unknown): string {
  const message = (thrown as Partial<Error> | null | undefined)?.message;
  if (typeof message === 'string') return message;
  return typeof thrown === 'string' ? thrown : inspect(thrown);
}
