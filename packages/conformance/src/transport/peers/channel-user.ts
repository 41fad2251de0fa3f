import {
  type Channel,
  type ChannelDelivery,
  type ChannelStats,
  type Delivery,
  type ErrorCode,
  isPageferryError,
  type Loan,
} from '@pageferry/core';
import { fillUp } from '../harness/filling.js';
import { answerFor, answerProblem, rejectQuestion, respondTo } from './answers.js';
import type { ReceiveReport, SendReport } from './api.js';
import type {
  Answering,
  AskReport,
  ChannelActions,
  ChannelState,
  ServeReport,
} from './channel-actions.js';
import { MessageCheck } from './message-check.js';
import { fillPattern } from './pattern.js';
import { receiveEach, repeat, sendPatterns } from './pattern-stream.js';
import { poll, unlessFull } from './polling.js';

/** One side of a channel, and what it does with it. */
export class ChannelUser implements ChannelActions {
  readonly channel: Channel;
  /** Number of the next message. */
  next = 0;
  readonly #held: ChannelDelivery[] = [];

  constructor(channel: Channel) {
    this.channel = channel;
  }

  /** For `sendPatterns`. */
  get sender(): Channel {
    return this.channel;
  }

  /** Lends memory for the next message, with its pattern and its number. */
  async filledLoan(byteLength: number): Promise<Loan> {
    const loan = await this.channel.loan(byteLength);
    const number = this.next++;
    fillPattern(loan.bytes, number);
    loan.tag = number;
    return loan;
  }

  send(...lengths: number[]): Promise<SendReport> {
    return sendPatterns(this, lengths);
  }

  sendMany(count: number, byteLength: number): Promise<SendReport> {
    return sendPatterns(this, repeat(count, byteLength));
  }

  async fill(byteLength: number): Promise<number> {
    const { messages, refused } = fillUp(this.channel, byteLength, this.next);
    refused?.release();
    this.next += messages;
    return messages;
  }

  receive(count = Number.POSITIVE_INFINITY): Promise<ReceiveReport> {
    return this.#receive(count, (delivery) => delivery.release());
  }

  hold(count: number): Promise<ReceiveReport> {
    return this.#receive(count, (delivery) => this.#held.push(delivery));
  }

  async checkHeld(): Promise<ReceiveReport> {
    const check = new MessageCheck();
    for (const delivery of this.#held) check.add(delivery, delivery.tag);
    return check.report();
  }

  async release(count = Number.POSITIVE_INFINITY): Promise<void> {
    for (const delivery of this.#held.splice(0, count)) delivery.release();
  }

  async ask(count: number, byteLength: number): Promise<AskReport> {
    const problems: string[] = [];
    const check = async (number: number, asking: Promise<Delivery>): Promise<ErrorCode | 'ok'> => {
      try {
        using answer = await asking;
        const problem = answerProblem(answer, number, byteLength);
        if (problem !== undefined) problems.push(problem);
        return 'ok';
      } catch (error) {
        if (isPageferryError(error)) return error.code;
        throw error;
      }
    };
    const asked: Promise<ErrorCode | 'ok'>[] = [];
    for (let question = 0; question < count; question++) {
      const loan = await this.filledLoan(byteLength);
      asked.push(
        check(
          loan.tag,
          this.channel.request(loan).finally(() => loan.release()),
        ),
      );
    }
    const outcomes = await Promise.all(asked);
    const failures = outcomes.filter((outcome) => outcome !== 'ok');
    return { answered: count - failures.length, failures, problems };
  }

  async askPolling(count: number, byteLength: number): Promise<AskReport> {
    const problems: string[] = [];
    for (let question = 0; question < count; question++) {
      const loan = await this.filledLoan(byteLength);
      const pending = await poll(() => this.channel.tryRequest(loan));
      using answer = await poll(() => pending.tryAnswer());
      const problem = answerProblem(answer, loan.tag, byteLength);
      if (problem !== undefined) problems.push(problem);
    }
    return { answered: count, failures: [], problems };
  }

  async servePolling(count: number): Promise<void> {
    for (let served = 0; served < count; served++) {
      using question = await poll(() => this.channel.tryReceive());
      const answer = await answerFor(question, this.channel);
      const outcome = await poll(() => unlessFull(question.tryRespond(answer)));
      if (outcome !== 'sent') throw new Error(`an answer is not sent, but ${outcome}`);
    }
  }

  async serve(count = Number.POSITIVE_INFINITY): Promise<ServeReport> {
    let questions = 0;
    const check = new MessageCheck();
    const report = await receiveEach(this.channel, count, check, async (delivery) => {
      using message = delivery;
      check.add(message, message.tag);
      if (!message.isRequest) return;
      questions++;
      await respondTo(message, this.channel);
    });
    return { ...report, questions };
  }

  async answer(count: number, how: Answering): Promise<void> {
    const questions: ChannelDelivery[] = [];
    await receiveEach(this.channel, count, new MessageCheck(), (question) => {
      if (!question.isRequest) throw new Error(`message ${question.tag} is no question`);
      questions.push(question);
    });
    if (questions.length < count) throw new Error(`there were only ${questions.length} questions`);
    if (how === 'keep') return void this.#held.push(...questions);
    for (const question of questions.reverse()) {
      if (how === 'respond') await respondTo(question, this.channel);
      if (how === 'reject') await rejectQuestion(question);
      question.release();
    }
  }

  flush(): Promise<void> {
    return this.channel.flush();
  }

  finish(): Promise<void> {
    return this.channel.finish();
  }

  close(): Promise<void> {
    return this.channel.close();
  }

  destroy(): Promise<void> {
    return this.channel.destroy();
  }

  async stats(): Promise<ChannelStats> {
    return this.channel.stats();
  }

  async state(): Promise<ChannelState> {
    const { closed, ended, finished, peer } = this.channel;
    return { closed, ended, finished, peer };
  }

  #receive(count: number, take: (delivery: ChannelDelivery) => unknown): Promise<ReceiveReport> {
    const check = new MessageCheck();
    return receiveEach(this.channel, count, check, (delivery) => {
      check.add(delivery, delivery.tag);
      if (delivery.isRequest) check.problem(`message ${delivery.tag} came as a question`);
      return take(delivery);
    });
  }
}
