import type { Channel, ChannelDelivery, Delivery, Loan, Receiver, Sender } from '@pageferry/core';
import { isWhole, write } from '../message.js';
import { LIMIT } from '../until.js';
import type { Traffic } from './task.js';

/** Lengths of honest messages. */
const LENGTHS = [0, 1, 20, 100, 1000, 5000, 40, 20_000, 300, 64, 7, 4096] as const;
/** Answers differ from their questions by so much in their numbers. */
const ANSWER = 7919;
/** Every so many messages other events get a turn. */
const TURN = 16;

/** What one side of honest traffic does and sees. Whatever is not as it should be goes to `fault`. */
export class HonestSide {
  sent = 0;
  received = 0;
  asked = 0;
  answered = 0;
  readonly #fault: (what: string) => void;
  #isOver = false;

  constructor(fault: (what: string) => void) {
    this.#fault = fault;
  }

  /** How many messages and answers have come or gone. */
  get count(): number {
    return this.sent + this.received + this.asked + this.answered;
  }

  get traffic(): Traffic {
    const { sent, received, asked, answered } = this;
    return { sent, received, asked, answered };
  }

  /** Nothing more is sent or asked. */
  stop(): void {
    this.#isOver = true;
  }

  /** Sends one message after the other until {@link stop}. */
  async send(half: Pick<Sender, 'loan'>): Promise<void> {
    while (!this.#isOver) {
      const loan = await compose(half, this.sent);
      const outcome = await loan.send(LIMIT);
      if (outcome !== 'sent') {
        loan.release();
        this.#fault(`an honest message is not sent: ${outcome}`);
        return;
      }
      this.sent++;
      if (this.sent % TURN === 0) await turn();
    }
  }

  /** Receives until the other side has ended in good order. */
  async receive(receiver: Receiver): Promise<void> {
    for (;;) {
      const delivery = await receiver.receive(LIMIT);
      if (delivery === undefined) return;
      this.#check(delivery, this.received++);
      delivery.release();
      if (this.received % TURN === 0) await turn();
    }
  }

  /** As {@link receive}, and answers each question. */
  async serve(channel: Channel): Promise<void> {
    for (;;) {
      const delivery = await channel.receive(LIMIT);
      if (delivery === undefined) return;
      if (delivery.isRequest) await this.#answer(channel, delivery);
      else this.#check(delivery, this.received++);
      delivery.release();
    }
  }

  async #answer(channel: Channel, question: ChannelDelivery): Promise<void> {
    this.#check(question, this.answered++);
    const loan = await compose(channel, question.tag + ANSWER);
    if ((await question.respond(loan, LIMIT)) !== 'sent') this.#fault('an answer is not sent');
  }

  /** Asks one question after the other until {@link stop}. */
  async ask(channel: Channel): Promise<void> {
    while (!this.#isOver) {
      const question = await compose(channel, this.asked);
      const answer = await channel.request(question, LIMIT).finally(() => question.release());
      this.#check(answer, this.asked + ANSWER);
      answer.release();
      this.asked++;
      if (this.asked % TURN === 0) await turn();
    }
  }

  #check({ bytes, byteLength, tag }: Delivery, number: number): void {
    if (tag !== number) this.#fault(`message ${tag} comes in the place of ${number}`);
    else if (byteLength !== lengthOf(number))
      this.#fault(`message ${number} has ${byteLength} bytes`);
    else if (!isWhole(bytes, number)) this.#fault(`message ${number} is not whole`);
  }
}

function lengthOf(number: number): number {
  return LENGTHS[number % LENGTHS.length] as number;
}

async function compose(half: Pick<Sender, 'loan'>, number: number): Promise<Loan> {
  const loan = await half.loan(lengthOf(number), LIMIT);
  write(loan.bytes, number);
  loan.tag = number;
  return loan;
}

/** Lets the event loop turn once. */
export function turn(): Promise<void> {
  return new Promise(setImmediate);
}

/** What one side of an honest channel does: `working` ends after {@link HonestSide.stop}, `served` when the other side has finished. */
export interface Talk {
  readonly working: Promise<void>;
  readonly served: Promise<void>;
}

/** Sends or asks, and serves, both at once. */
export function talk(side: HonestSide, channel: Channel, isRequest: boolean): Talk {
  const working = isRequest ? side.ask(channel) : side.send(channel);
  const served = side.serve(channel);
  // Whoever awaits one of them first learns of the other one's end later.
  for (const each of [working, served]) each.catch(() => undefined);
  return { working, served };
}
