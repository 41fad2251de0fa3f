import { InvalidArgumentError } from 'commander';

/** Says something on standard error: the table is for standard output. */
export function log(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** A whole number, of an option. */
export function integer(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('A whole number.');
  return value;
}

/** One of some names, of an option that may be given more than once. */
export function oneOf<T extends string>(isOne: (text: string) => text is T) {
  return (text: string, before: T[] = []): T[] => {
    if (!isOne(text)) throw new InvalidArgumentError('There is none of this name.');
    return [...before, text];
  };
}
