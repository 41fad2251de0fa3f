/**
 * The word beside a message of a channel that says whether it asks or answers: its kind in the upper two bits, the
 * number of the question in the others. 0 for a message that does neither.
 */
export const EXCHANGE = { request: 1, answer: 2, failure: 3 } as const;

/** The largest number of a question; they begin anew after it. */
export const LAST_REQUEST: number = 2 ** 30 - 1;

/** The word for a message, as a number from 0 to 2^32 - 1. */
export function exchangeWord(
  kind: (typeof EXCHANGE)[keyof typeof EXCHANGE],
  number: number,
): number {
  return ((kind << 30) | number) >>> 0;
}

/** 0, or one of {@link EXCHANGE}. */
export function exchangeKind(word: number | undefined): number {
  return (word ?? 0) >>> 30;
}

/** The number of the question. */
export function exchangeNumber(word: number): number {
  return word & LAST_REQUEST;
}

/** Whether a message belongs to who has asked, and not to who receives. */
export function isAnswer(word: number | undefined): boolean {
  return exchangeKind(word) >= EXCHANGE.answer;
}
