import type { Channel, ChannelDelivery, Delivery, Loan } from '@pageferry/core';
import { fillPattern, findMismatch } from './pattern.js';

/** An answer carries the pattern of its question's number plus this: it is never taken for the question itself. */
const ANSWERS = 2 ** 20;

/** Why a question is rejected. */
export const REJECTION = { name: 'RangeError', message: 'out of range', code: 'E_RANGE' } as const;

/** The answer to a question, as {@link answerProblem} expects it. */
export async function answerFor(question: ChannelDelivery, channel: Channel): Promise<Loan> {
  const answer = await channel.loan(question.byteLength);
  fillPattern(answer.bytes, question.tag + ANSWERS);
  answer.tag = question.tag;
  return answer;
}

/** Answers a question, as {@link answerProblem} expects it. The question stays the caller's. */
export async function respondTo(question: ChannelDelivery, channel: Channel): Promise<void> {
  using answer = await answerFor(question, channel);
  await question.respond(answer);
}

/** Answers a question with an error. The question stays the caller's. */
export async function rejectQuestion(question: ChannelDelivery): Promise<void> {
  await question.reject(Object.assign(new RangeError(REJECTION.message), { code: REJECTION.code }));
}

/** What is wrong with the answer to question `number`; `undefined` if nothing is. */
export function answerProblem(
  answer: Delivery,
  number: number,
  byteLength: number,
): string | undefined {
  if (answer.tag !== number) return `question ${number} has the answer to ${answer.tag}`;
  if (answer.byteLength !== byteLength) {
    return `the answer to ${number} has ${answer.byteLength} bytes instead of ${byteLength}`;
  }
  const mismatch = findMismatch(answer.bytes, number + ANSWERS);
  return mismatch < 0 ? undefined : `the answer to ${number} has a wrong byte at ${mismatch}`;
}
