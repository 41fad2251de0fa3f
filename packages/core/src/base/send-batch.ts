import { checkArrayOf } from '../checks.js';
import type { Loan } from '../contract/sender.js';
import { PageferryError } from '../errors.js';
import { BaseLoan, type LoanOwner } from './base-loan.js';
import type { AcceptOutcome, Corkable, LoanMemory } from './hooks.js';

/** Loans that are sent one after the other, of which receivers are told together. */
export class SendBatch<M extends LoanMemory> {
  readonly #loans: readonly BaseLoan<M>[];
  readonly #receivers: Partial<Corkable>;
  readonly #offerOne: (loan: BaseLoan<M>) => AcceptOutcome;
  /** How many were accepted. */
  #count = 0;
  /** What became of the last one that was offered. */
  outcome: AcceptOutcome = 'sent';

  constructor(
    loans: readonly BaseLoan<M>[],
    receivers: Partial<Corkable>,
    offerOne: (loan: BaseLoan<M>) => AcceptOutcome,
  ) {
    this.#loans = loans;
    this.#receivers = receivers;
    this.#offerOne = offerOne;
  }

  /** The loan that is to be accepted next, if there is one. */
  get next(): BaseLoan<M> | undefined {
    return this.#loans[this.#count];
  }

  /**
   * Offers those that were not accepted yet. False if there is no room for all of them.
   *
   * @throws as `Loan.send`.
   */
  offer(): boolean {
    this.#receivers.cork?.();
    try {
      for (let loan = this.next; loan !== undefined; loan = this.next) {
        loan.checkOwned();
        this.outcome = this.#offerOne(loan);
        if (this.outcome !== 'sent') break;
        this.#count++;
      }
    } finally {
      this.#receivers.uncork?.();
    }
    return this.outcome !== 'full';
  }
}

/**
 * Passes the loans of a sender.
 *
 * @throws `INVALID_ARGUMENT` for anything else, `LOAN_NOT_OWNED` if one is not owned, or is there twice.
 */
export function checkLoans<M extends LoanMemory>(
  loans: readonly Loan[],
  owner: LoanOwner<M>,
): readonly BaseLoan<M>[] {
  const isOwn = (loan: unknown): loan is BaseLoan<M> =>
    loan instanceof BaseLoan && loan.isOf(owner);
  // A copy: a program may change its array while this waits.
  const own = [...checkArrayOf('loans', loans, 'an array of loans of this sender', isOwn)];
  for (const loan of own) loan.checkOwned();
  if (new Set(own).size < own.length) {
    throw new PageferryError('LOAN_NOT_OWNED', 'a loan is there twice: it can be sent once');
  }
  return own;
}
