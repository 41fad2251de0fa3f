import type { Loan } from '../contract/sender.js';

/** What can say of a loan whether it has lent it. */
export interface Lending {
  /** Whether `loan` is this one's, or may be. */
  hasLent(loan: Loan): boolean;
}

/**
 * Whether a loan is known to be another's than `sink`'s: its `send` would bring it to that one's receivers.
 *
 * @param sink a sender or a channel. Those of this package's base classes know it.
 */
export function isLentByAnother(loan: Loan, sink: object): boolean {
  return (sink as Partial<Lending>).hasLent?.(loan) === false;
}
