/**
 * The word beside a message of a channel that says whether it asks or answers: its kind in the lower two bits, the
 * number of the question in the others. 0 for a message that does neither. Words that this side makes have their top
 * bit clear: V8 keeps what does not fit into 31 bits as an object of its own, for each message.
 */
export const EXCHANGE = { request: 1, answer: 2, failure: 3 } as const;

/** The largest number of a question; they begin anew after it. */
export const LAST_REQUEST: number = 2 ** 29 - 1;

/**
 * The word for a message, as a signed 32-bit integer: negative only for a question of the other side's with a number
 * beyond {@link LAST_REQUEST}, which it may have.
 */
export function exchangeWord(
  kind: (typeof EXCHANGE)[keyof typeof EXCHANGE],
  number: number,
): number {
  return (number << 2) | kind;
}

/** 0, or one of {@link EXCHANGE}. */
export function exchangeKind(word: number | undefined): number {
  return (word ?? 0) & 3;
}

/** The number of the question. */
export function exchangeNumber(word: number): number {
  return word >>> 2;
}

/** Whether a message belongs to who has asked, and not to who receives. */
export function isAnswer(word: number | undefined): boolean {
  return exchangeKind(word) >= EXCHANGE.answer;
}
