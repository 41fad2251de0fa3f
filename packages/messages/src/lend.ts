import type { Channel, Loan } from '@pageferry/core';
import type { Encoded } from './encode.js';
import type { SendOrder } from './send-order.js';

/**
 * A loan with an encoded value in it.
 *
 * @throws as `Channel.loan`.
 */
export async function lend(
  channel: Channel,
  encoded: Encoded,
  signal: AbortSignal | undefined,
): Promise<Loan> {
  return filled(await channel.loan(encoded.byteLength, { signal }), encoded);
}

/**
 * The same where there is room at once, and nobody waits for it.
 *
 * @throws as `Channel.tryLoan`.
 */
export function lendAtOnce(channel: Channel, order: SendOrder, encoded: Encoded): Loan | undefined {
  if (order.isBusy) return undefined;
  const loan = channel.tryLoan(encoded.byteLength);
  return loan && filled(loan, encoded);
}

/** The same of a loan that there is. It is released if this throws. */
export function filled(loan: Loan, encoded: Encoded): Loan {
  try {
    encoded.writeTo(loan.bytes);
    return loan;
  } catch (error) {
    loan.release();
    throw error;
  }
}
