/** The sum of some words, kept to 32 bits: another one whenever one of them has grown. */
export function sumOf(words: Int32Array, positions: readonly number[]): number {
  let sum = 0;
  for (const position of positions) sum = (sum + Atomics.load(words, position)) | 0;
  return sum;
}
