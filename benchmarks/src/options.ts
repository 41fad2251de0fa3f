import { InvalidArgumentError } from 'commander';

/** Reads an option that is an integer above 0. */
export function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('a positive integer');
  return value;
}

/** Reads an option that may be given several times, each an integer above 0. */
export function collectNumbers(text: string, numbers: number[] = []): number[] {
  return [...numbers, positiveInteger(text)];
}

/** Reads an option that may be given several times. */
export function collectWords(text: string, words: string[] = []): string[] {
  return [...words, text];
}

/** Reads an option that may be given several times, each one of a few words. */
export function choiceOf<Word extends string>(
  words: readonly Word[],
): (text: string, chosen?: Word[]) => Word[] {
  return (text, chosen = []) => {
    const word = words.find((each) => each === text);
    if (word === undefined) throw new InvalidArgumentError(`one of ${words.join(', ')}`);
    return [...chosen, word];
  };
}
