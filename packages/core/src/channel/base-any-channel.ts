import { BaseLoan } from '../base/base-loan.js';
import { copyInPieces } from '../base/copy.js';
import type { LoanMemory } from '../base/hooks.js';
import { checkBytes, checkTag, invalidArgument } from '../checks.js';
import type { AnyChannel, AnyRequestOptions, Payload } from '../contract/any-channel.js';
import type { Delivery } from '../contract/receiver.js';
import type { Loan, SendOptions, SendOutcome } from '../contract/sender.js';
import type { WaitOptions } from '../contract/transport.js';
import { PageferryError } from '../errors.js';
import { checkWaitOptions, withDeadline } from '../waiting/deadline.js';
import type { LoopBudget } from '../waiting/loop-budget.js';
import type { AnyOutbox, Lender } from './any-outbox.js';
import { type BaseChannel, isPeerError } from './base-channel.js';
import type { ChannelSender } from './channel-sender.js';
import { EXCHANGE, exchangeWord } from './exchange.js';
import type { OpenRequest } from './open-requests.js';
import { isUnsent, noteUnsent } from './unsent.js';

/** What a {@link BaseAnyChannel} needs. */
export interface AnyChannelSettings {
  /** Lends, and gives messages to channels, by `outbox`. */
  readonly sender: ChannelSender<LoanMemory>;
  readonly outbox: AnyOutbox<LoanMemory>;
  readonly lender: Lender<LoanMemory>;
  readonly budget: LoopBudget;
}

const REQUEST_OPTIONS = ['signal', 'timeout', 'tag', 'onLost'] as const;

/** The one implementation of {@link AnyChannel}. */
export class BaseAnyChannel implements AnyChannel {
  readonly #settings: AnyChannelSettings;

  constructor(settings: AnyChannelSettings) {
    this.#settings = settings;
  }

  loan(byteLength: number, options?: WaitOptions): Promise<Loan> {
    return this.#settings.sender.loan(byteLength, options);
  }

  tryLoan(byteLength: number): Loan | undefined {
    return this.#settings.sender.tryLoan(byteLength);
  }

  send(
    bytes: ArrayBufferView | readonly ArrayBufferView[],
    options?: SendOptions,
  ): Promise<SendOutcome> {
    return this.#settings.sender.send(bytes, options);
  }

  async request(question: Payload, options: AnyRequestOptions = {}): Promise<Delivery> {
    const { tag, onLost } = checkWaitOptions(options, REQUEST_OPTIONS);
    if (tag !== undefined) checkTag(tag);
    if (onLost !== undefined && typeof onLost !== 'function') {
      throw invalidArgument('onLost', onLost, 'a function');
    }
    const ask = async (signal: AbortSignal | undefined): Promise<Delivery> => {
      const isLoan = question instanceof BaseLoan;
      const loan = isLoan ? question : await this.#copy(question, signal);
      try {
        if (tag !== undefined) loan.tag = tag;
        return await this.#askUntilAnswered(loan, signal, onLost);
      } finally {
        if (!isLoan) loan.release();
      }
    };
    return await withDeadline(options, ask, () => 'no answer has come');
  }

  async #copy(question: Payload, signal: AbortSignal | undefined): Promise<BaseLoan<LoanMemory>> {
    const pieces = checkBytes('question', question);
    const byteLength = pieces.reduce((sum, { length }) => sum + length, 0);
    const wait = signal === undefined ? {} : { signal };
    const loan = (await this.loan(byteLength, wait)) as BaseLoan<LoanMemory>;
    try {
      await copyInPieces(loan, pieces, this.#settings.budget);
      return loan;
    } catch (error) {
      loan.release();
      throw error;
    }
  }

  async #askUntilAnswered(
    loan: BaseLoan<LoanMemory>,
    signal: AbortSignal | undefined,
    onLost: AnyRequestOptions['onLost'],
  ): Promise<Delivery> {
    const { sender } = this.#settings;
    sender.checkOwnLoan(loan);
    for (;;) {
      try {
        return await this.#askOne(loan, signal);
      } catch (error) {
        // Only what is the caller's again may be given to another one.
        if (!loan.owned || onLost === undefined || isUnsent(error)) throw error;
        if (!(await onLost(loan, error))) throw error;
        sender.checkOwnLoan(loan);
      }
    }
  }

  /** Asks one of the channels. If that one is lost, the loan is the caller's again. */
  async #askOne(loan: BaseLoan<LoanMemory>, signal: AbortSignal | undefined): Promise<Delivery> {
    const { sender, outbox, lender } = this.#settings;
    const { memory } = loan;
    const wait = signal === undefined ? {} : { signal };
    let asked: { readonly channel: BaseChannel; readonly request: OpenRequest } | undefined;
    outbox.setOffer(memory, (channel, accept) => {
      const request = channel.beginRequest();
      lender.keep(memory);
      try {
        const outcome = accept(exchangeWord(EXCHANGE.request, request.number));
        if (outcome === 'sent') asked = { channel, request };
        return outcome;
      } finally {
        if (asked?.request !== request) channel.forgetRequest(request);
      }
    });
    // While it waits for its turn nobody else sends it: `checkOwnLoan` looks at that.
    loan.exchange = EXCHANGE.request;
    try {
      const outcome = await loan.send(wait);
      if (outcome === 'no-receiver') {
        throw noteUnsent(
          new PageferryError('PEER_DIED', 'the request was not sent: there is no channel'),
        );
      }
    } catch (error) {
      if (asked === undefined) {
        lender.letGo(memory);
        throw noteUnsent(error);
      }
      asked.channel.abandonRequest(asked.request);
      lender.letGo(memory);
      throw error;
    } finally {
      loan.exchange = 0;
      outbox.setOffer(memory, undefined);
    }
    return await this.#answerOf(loan, asked as NonNullable<typeof asked>, signal, () => {
      lender.lendAgain(memory, loan.byteLength);
      sender.lendAgain(loan);
    });
  }

  async #answerOf(
    { memory }: BaseLoan<LoanMemory>,
    { channel, request }: { readonly channel: BaseChannel; readonly request: OpenRequest },
    signal: AbortSignal | undefined,
    lendAgain: () => void,
  ): Promise<Delivery> {
    const { lender, sender } = this.#settings;
    try {
      const answer = await channel.answerTo(request, signal);
      lender.letGo(memory);
      return answer;
    } catch (error) {
      channel.abandonRequest(request);
      // Who has ended in order will not answer, either.
      if ((isPeerError(error) || channel.ended) && !sender.closed) lendAgain();
      else lender.letGo(memory);
      throw error;
    }
  }
}
