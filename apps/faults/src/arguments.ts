import { InvalidArgumentError } from 'commander';

/** A whole number, as an option of a command line. */
export function integer(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('A whole number.');
  return value;
}

/** One of some words, as an option that may be repeated. */
export function oneOf<T extends string>(isOne: (text: string) => text is T) {
  return (text: string, before: T[] = []): T[] => {
    if (!isOne(text)) throw new InvalidArgumentError('There is none of this name.');
    return [...before, text];
  };
}
