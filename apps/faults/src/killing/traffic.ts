import type { Channel, ChannelDelivery, Delivery, Loan, Receiver, Sender } from '@pageferry/core';
import { isWhole, write } from '../message.js';
import { LIMIT } from '../until.js';
import { ANSWER, heldOf, lengthOf, type Plan } from './plan.js';

/** Who looks on: what arrives, and what is wrong with it. */
export interface Witness {
  delivered(): void;
  fault(what: string): void;
}

/** How what came from the other side has ended: in good order, or with the code of an error. */
export type Ending = 'end' | string;

/** An ending, and when it was told, by `performance.now()`. */
export interface Told {
  readonly ending: Ending;
  readonly at: number;
}

/** An ending that is told now. */
export function toldNow(ending: Ending): Told {
  return { ending, at: performance.now() };
}

/** Every so many messages other events get a turn. */
const TURN = 16;

/** Writes message `number` of the plan into a loan. */
export async function compose(
  half: Pick<Sender, 'loan'>,
  plan: Plan,
  number: number,
): Promise<Loan> {
  const loan = await half.loan(lengthOf(plan, number), LIMIT);
  write(loan.bytes, number);
  loan.tag = number;
  return loan;
}

/**
 * Sends one message after the other, until `isOver` or until nobody is there.
 *
 * @param rest waited for after every so many messages.
 * @param first the number of the first one: 0, unless the same half has sent others before.
 * @returns how many were sent.
 */
export async function send(
  half: Pick<Sender, 'loan'>,
  plan: Plan,
  isOver: () => boolean,
  rest: () => Promise<void> = turn,
  first = 0,
): Promise<number> {
  for (let number = first; ; number++) {
    if (isOver()) return number - first;
    const loan = await compose(half, plan, number);
    if ((await loan.send(LIMIT)) === 'no-receiver') {
      loan.release();
      return number - first;
    }
    if (number % TURN === 0) await rest();
  }
}

/** Lets the event loop turn once. */
export function turn(): Promise<void> {
  return new Promise(setImmediate);
}

/** Whether a message is what its number says. */
function check(
  { bytes, byteLength, tag }: Delivery,
  plan: Plan,
  witness: Witness,
  when: string,
): void {
  if (byteLength !== lengthOf(plan, tag)) witness.fault(`message ${tag} has ${byteLength} bytes`);
  else if (!isWhole(bytes, tag)) witness.fault(`message ${tag} is not whole when ${when}`);
}

/** What {@link follow} stops at, beside the end. */
interface Most {
  /** After so many messages it leaves. Without it, it stays to the end. */
  readonly most?: number;
}

/**
 * Receives until the end, or until a call rejects. Looks at each message when it comes, and at those that it holds
 * once more when it lets go of them: the last ones after the end.
 *
 * @param isNoGap whether no message may be missing between two.
 * @returns how it has ended and when that was told, and how many came.
 */
export async function follow(
  receiver: Receiver,
  plan: Plan,
  witness: Witness,
  isNoGap: boolean,
  { most = Number.POSITIVE_INFINITY }: Most = {},
): Promise<Told & { readonly count: number }> {
  const held: Delivery[] = [];
  let count = 0;
  let last = -1;
  let ending: Ending;
  try {
    while (count < most) {
      const delivery = await receiver.receive(LIMIT);
      if (delivery === undefined) break;
      witness.delivered();
      check(delivery, plan, witness, 'it comes');
      const { sequence, tag } = delivery;
      // Who sends numbers its messages as the transport does.
      if (tag !== sequence) witness.fault(`message ${tag} comes in the place of ${sequence}`);
      const isNext = isNoGap && count > 0 ? sequence === last + 1 : sequence > last;
      if (!isNext) witness.fault(`message ${sequence} comes after ${last}`);
      last = sequence;
      count++;
      held.push(delivery);
      if (held.length > heldOf(plan)) letGo(held.shift(), plan, witness);
    }
    ending = 'end';
  } catch (error) {
    ending = endingOf(error, witness);
  }
  const told = toldNow(ending);
  if (count < most) await expectSameEnding(receiver, ending, witness);
  for (const delivery of held) letGo(delivery, plan, witness);
  return { ...told, count };
}

function letGo(delivery: Delivery | undefined, plan: Plan, witness: Witness): void {
  if (delivery === undefined) return;
  check(delivery, plan, witness, 'it was held');
  delivery.release();
}

async function expectSameEnding(
  receiver: Pick<Receiver, 'receive'>,
  ending: Ending,
  witness: Witness,
): Promise<void> {
  const again = await receiver.receive(LIMIT).then((delivery) => {
    delivery?.release();
    return delivery === undefined ? 'end' : 'a message';
  }, codeOf);
  if (again !== ending) witness.fault(`the end was ${ending}, and then ${again}`);
}

/** How many may ask over a channel at once. Each counts in steps of so many, so that no two ask the same. */
export const ASKERS = 2;

/**
 * Serves one side of a channel until the other one ends: looks at each message, and answers each question. Messages have to
 * come as they were numbered, and so have the questions of each who asks.
 *
 * @returns how it has ended, when that was told, and how many messages and questions came.
 */
export async function serve(
  channel: Channel,
  plan: Plan,
  witness: Witness,
): Promise<Told & { readonly count: number }> {
  let ending: Ending = 'end';
  let count = 0;
  let nextMessage = 0;
  const nextQuestions = Array.from({ length: ASKERS }, (_, asker) => asker);
  try {
    for (;;) {
      const delivery = await channel.receive(LIMIT);
      if (delivery === undefined) break;
      witness.delivered();
      check(delivery, plan, witness, 'it comes');
      count++;
      const { tag, isRequest } = delivery;
      const next = isRequest ? nextQuestions[tag % ASKERS] : nextMessage;
      if (tag !== next) witness.fault(`message ${tag} comes in the place of ${next}`);
      if (isRequest) nextQuestions[tag % ASKERS] = tag + ASKERS;
      else nextMessage = tag + 1;
      if (isRequest) await answer(channel, delivery, plan);
      delivery.release();
    }
  } catch (error) {
    ending = endingOf(error, witness);
  }
  const told = toldNow(ending);
  await expectSameEnding(channel, ending, witness);
  return { ...told, count };
}

async function answer(channel: Channel, question: ChannelDelivery, plan: Plan): Promise<void> {
  const loan = await compose(channel, plan, question.tag + ANSWER);
  if ((await question.respond(loan, LIMIT)) === 'no-receiver') loan.release();
}

/**
 * Asks one question after the other, until `isOver` or until one is not answered.
 *
 * @param asker which of the {@link ASKERS} of the channel it is.
 * @param rest as for {@link send}.
 * @returns the code of what the last one was rejected with, or 'end', when, and how many were answered.
 */
export async function ask(
  channel: Channel,
  plan: Plan,
  witness: Witness,
  isOver: () => boolean,
  asker = 0,
  rest: () => Promise<void> = turn,
): Promise<Told & { readonly count: number }> {
  let count = 0;
  try {
    for (let number = asker; !isOver(); number += ASKERS) {
      const question = await compose(channel, plan, number);
      const given = await channel.request(question, LIMIT).finally(() => question.release());
      witness.delivered();
      if (given.tag !== number + ANSWER) witness.fault(`${given.tag} is the answer to ${number}`);
      check(given, plan, witness, 'it is the answer');
      given.release();
      if (count++ % TURN === 0) await rest();
    }
    return { ...toldNow('end'), count };
  } catch (error) {
    return { ...toldNow(endingOf(error, witness)), count };
  }
}

/** What a death can end with, or an orderly end in the middle of something. Of all else it is said where it comes from. */
const POSSIBLE = ['PEER_DIED', 'REQUEST_UNANSWERED', 'CLOSED'];

function endingOf(error: unknown, witness: Witness): Ending {
  const code = codeOf(error);
  if (!POSSIBLE.includes(code)) witness.fault(String((error as Error).stack));
  return code;
}

/** The code of an error of ours; of any other one what it says, which no round expects. */
export function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && /^(Pageferry|Abort)Error$/.test(error.name)) {
    return error.code === 'TIMEOUT' ? `TIMEOUT (${error.message})` : String(error.code);
  }
  return error instanceof Error ? `${error.stack}` : String(error);
}
