import type { Channel, ChannelDelivery, Delivery, Loan } from '@pageferry/core';
import type { PingPongWorkload } from '../shared/workload.js';
import { loadTransport, peerWorkload, reportTrial } from './workload-peer.js';

// As `ping-pong.ts`, over one channel: one side asks, the other answers, 8 bytes each.
const MESSAGE_BYTES = 8;
/** The longest that a transport takes, in microseconds: who waits for an answer polls, as `ping-pong.ts` does. */
const LONGEST_SPIN = 1_000_000;

const { transport, endpoint, count, warmUp, park, ahead, begins } =
  peerWorkload<PingPongWorkload>();
const { listen, connect } = await loadTransport(transport);
const options = { endpoint, spinMicroseconds: park ? 0 : LONGEST_SPIN };
if (begins) {
  const channel = await connect(options);
  const ask = ahead ? askAhead : askOneByOne;
  await ask(channel, warmUp);
  await reportTrial(() => ask(channel, count));
  await channel.close();
} else {
  const listener = await listen(options);
  const channel = await listener.accept();
  const answer = ahead ? answerAhead : answerOneByOne;
  await answer(channel, warmUp);
  await answer(channel, count);
  await listener.close();
}
process.disconnect?.();

async function askOneByOne(channel: Channel, rounds: number): Promise<void> {
  for (let left = rounds; left > 0; left--) {
    const answer = await channel.request(lent(channel));
    answer.release();
  }
}

async function answerOneByOne(channel: Channel, rounds: number): Promise<void> {
  for (let left = rounds; left > 0; left--) {
    const question = park ? await receiveQuestion(channel) : catchQuestion(channel);
    await respond(question, lent(channel));
    question.release();
  }
}

/** The memory of the next question is at hand when it is wanted, and nobody waits for a release. */
async function askAhead(channel: Channel, rounds: number): Promise<void> {
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

/** The same for the answers. */
async function answerAhead(channel: Channel, rounds: number): Promise<void> {
  let next = lent(channel);
  for (let left = rounds; left > 0; left--) {
    const question = catchQuestion(channel);
    const responding = respond(question, next);
    next = lent(channel);
    await responding;
    question.release();
  }
  next.release();
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

async function receiveQuestion(channel: Channel): Promise<ChannelDelivery> {
  const question = await channel.receive();
  if (question === undefined) throw new Error('the other side has gone');
  return question;
}

async function respond(question: ChannelDelivery, answer: Loan): Promise<void> {
  if ((await question.respond(answer)) !== 'sent') throw new Error('the answer is lost');
}
