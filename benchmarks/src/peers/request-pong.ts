import type { Channel, ChannelDelivery, Delivery, Loan, PendingRequest } from '@pageferry/core';
import type { PingPongWorkload } from '../shared/workload.js';
import { loadTransport, peerWorkload, reportTrial } from './workload-peer.js';

// As `ping-pong.ts`, over one channel: one side asks, the other answers, 8 bytes each.
const MESSAGE_BYTES = 8;
/** The longest that a transport takes, in microseconds: who awaits an answer has the transport poll for it. */
const LONGEST_SPIN = 1_000_000;

const { transport, endpoint, count, warmUp, park, ahead, awaits, begins } =
  peerWorkload<PingPongWorkload>();
const { listen, connect } = await loadTransport(transport);
const options = { endpoint, spinMicroseconds: park ? 0 : LONGEST_SPIN };
if (begins) {
  const channel = await connect(options);
  const ask = awaits ? (ahead ? awaitAhead : awaitOneByOne) : ahead ? askAhead : askOneByOne;
  await ask(channel, warmUp);
  await reportTrial(() => ask(channel, count));
  await channel.close();
} else {
  const listener = await listen(options);
  const channel = await listener.accept();
  const answer = park ? answerParked : ahead ? answerAhead : answerOneByOne;
  await answer(channel, warmUp);
  await answer(channel, count);
  await listener.close();
}
process.disconnect?.();

function askOneByOne(channel: Channel, rounds: number): void {
  for (let left = rounds; left > 0; left--) catchAnswer(ask(channel, lent(channel))).release();
}

function answerOneByOne(channel: Channel, rounds: number): void {
  for (let left = rounds; left > 0; left--) {
    const question = catchQuestion(channel);
    respond(question, lent(channel));
    question.release();
  }
}

/** The memory of the next question is at hand when it is wanted, and nobody waits for a release. */
function askAhead(channel: Channel, rounds: number): void {
  let next = lent(channel);
  let held: Delivery | undefined;
  for (let left = rounds; left > 0; left--) {
    const pending = ask(channel, next);
    next = lent(channel);
    held?.release();
    held = catchAnswer(pending);
  }
  next.release();
  held?.release();
}

/** The same for the answers. */
function answerAhead(channel: Channel, rounds: number): void {
  let next = lent(channel);
  for (let left = rounds; left > 0; left--) {
    const question = catchQuestion(channel);
    respond(question, next);
    next = lent(channel);
    question.release();
  }
  next.release();
}

async function awaitOneByOne(channel: Channel, rounds: number): Promise<void> {
  for (let left = rounds; left > 0; left--) {
    const answer = await channel.request(lent(channel));
    answer.release();
  }
}

async function awaitAhead(channel: Channel, rounds: number): Promise<void> {
  let next = lent(channel);
  let held: Delivery | undefined;
  for (let left = rounds; left > 0; left--) {
    const answering = channel.request(next);
    next = lent(channel);
    held?.release();
    held = await answering;
  }
  next.release();
  held?.release();
}

async function answerParked(channel: Channel, rounds: number): Promise<void> {
  for (let left = rounds; left > 0; left--) {
    const question = await channel.receive();
    if (question === undefined) throw new Error('the other side has gone');
    if ((await question.respond(lent(channel))) !== 'sent') throw new Error('the answer is lost');
    question.release();
  }
}

function lent(channel: Channel): Loan {
  const loan = channel.tryLoan(MESSAGE_BYTES);
  if (loan === undefined) throw new Error('there is no room');
  return loan;
}

function catchQuestion(channel: Channel): ChannelDelivery {
  let question: ChannelDelivery | undefined;
  do question = channel.tryReceive();
  while (question === undefined);
  return question;
}

function ask(channel: Channel, question: Loan): PendingRequest {
  const pending = channel.tryRequest(question);
  if (pending === undefined) throw new Error('the question is lost');
  return pending;
}

function catchAnswer(pending: PendingRequest): Delivery {
  let answer: Delivery | undefined;
  do answer = pending.tryAnswer();
  while (answer === undefined);
  return answer;
}

function respond(question: ChannelDelivery, answer: Loan): void {
  if (question.tryRespond(answer) !== 'sent') throw new Error('the answer is lost');
}
