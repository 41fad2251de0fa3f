import type { Loan, Sender } from '@pageferry/core';
import { fillPattern } from '../peers/pattern.js';
import { turns } from './settling.js';

/** More messages than any transport may take without anybody receiving them. */
const TOO_MANY = 100_000;

/**
 * Sends patterned messages without waiting until no more can be taken: the pool is lent out, or a
 * loan is refused as `full`.
 *
 * @param first number of the first message.
 * @returns how many were sent, and the loan that was refused, filled for the next message.
 */
export function fillUp(
  sender: Pick<Sender, 'tryLoan'>,
  byteLength: number,
  first = 0,
): { readonly messages: number; readonly refused: Loan | undefined } {
  for (let messages = 0; messages < TOO_MANY; messages++) {
    const loan = sender.tryLoan(byteLength);
    if (loan === undefined) return { messages, refused: undefined };
    fillPattern(loan.bytes, first + messages);
    loan.tag = first + messages;
    const outcome = loan.trySend();
    if (outcome === 'no-receiver') throw new Error('there is no receiver to fill up');
    if (outcome === 'full') return { messages, refused: loan };
  }
  throw new Error(`${TOO_MANY} messages were taken, though nobody receives: no back-pressure`);
}

/**
 * As {@link fillUp} with messages of one byte: there is memory for more of them than a connection may
 * have under way, so that it is the connection that is full.
 */
export function fillWithSmall(sender: Pick<Sender, 'tryLoan'>): {
  readonly messages: number;
  readonly refused: Loan;
} {
  const { messages, refused } = fillUp(sender, 1);
  if (!refused) throw new Error('the pool ended before a connection was full of small messages');
  return { messages, refused };
}

/**
 * Sends messages of one byte until no more can be taken, also after whoever is at the other end has taken in what it
 * takes before anybody receives.
 *
 * @returns how many were sent.
 */
export async function fillForGood(sender: Pick<Sender, 'tryLoan'>): Promise<number> {
  let total = 0;
  for (let sent = 1; sent > 0; total += sent) {
    const { messages, refused } = fillUp(sender, 1, total);
    refused?.release();
    sent = messages;
    await turns();
  }
  return total;
}
