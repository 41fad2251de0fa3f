import { counted } from '@pageferry/core';
import { formatMicroseconds } from './units.js';

/** A question and its answer, or several. */
export interface Exchange {
  /** From the question to its answer; of several, the median. */
  readonly seconds: number;
  /** Bytes of questions and answers. */
  readonly bytes: number;
  /** How often each byte was copied in user memory between the loan of one side and the delivery of the other. */
  readonly userSpaceCopies: number;
}

/**
 * How long it took, and what of it went without a copy.
 *
 * @param which what the time is, where it is not that of one question.
 */
export function exchangeInWords({ seconds, bytes, userSpaceCopies }: Exchange, which = ''): string {
  const all = counted(bytes, 'byte');
  const how =
    userSpaceCopies === 0
      ? `all ${all} without a copy`
      : `0 of ${all} without a copy (each copied ${userSpaceCopies === 1 ? 'once' : `${userSpaceCopies} times`})`;
  return `${formatMicroseconds(seconds)}${which}, ${how}`;
}
