/** The middle one of several, by some measure; `undefined` if there are none. */
export function middleOf<T>(items: readonly T[], measure: (item: T) => number): T | undefined {
  const sorted = [...items].sort((one, other) => measure(one) - measure(other));
  return sorted[(sorted.length - 1) >> 1];
}
