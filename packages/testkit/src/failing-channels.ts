/** What {@link runWithFailures} does with channels: both sides ask, answer and send, and one closes. */
import type { Channel, ChannelDelivery } from '@pageferry/core';
import { attempt, check, fill, LIMIT, problem, type Scenario } from './failing-calls.js';

const LENGTHS = [100, 0, 5000, 700_000, 100];

/** So much has room in any pool. */
const SMALL = 5000;

/** The tag of a message that says that no question comes after it. */
const NO_MORE = 99;

/** One listener with two channels, from the beginning to the end. */
export const channels: Scenario = async (scene) => {
  const { transport, endpoint, options, arm, file } = scene;
  // Two sides that ask more than a pool holds may wait for each other: that ends by a time limit alone.
  const lengths = scene.nothingFails ? LENGTHS.filter((length) => length <= SMALL) : LENGTHS;
  const listener = await attempt(() => transport.listen({ ...options, endpoint }));
  const connected: Channel[] = [];
  for (let index = 0; listener !== undefined && index < 2; index++) {
    const channel = await attempt(() => transport.connect({ ...options, endpoint, ...LIMIT }));
    if (channel !== undefined) connected.push(channel);
  }
  if (listener !== undefined) {
    await attempt(() => listener.waitForChannels(connected.length, LIMIT));
    arm();
    const [first] = connected;
    await Promise.all([
      ...connected.map((channel) => askAll(channel, lengths)),
      ...connected.map(answerAll),
      ...listener.channels.flatMap((channel) => [askAll(channel, lengths), answerAll(channel)]),
    ]);
    if (first !== undefined && !scene.nothingFails) {
      await attempt(() => first.spliceTo(file, LIMIT));
    }
  }
  for (const channel of connected) {
    await attempt(() => channel.close(LIMIT));
    await attempt(() => channel.destroy());
  }
  await attempt(() => listener?.close(LIMIT));
  await attempt(() => listener?.destroy());
};

/** Asks questions, of which the tag says what is in them. The answer has the same bytes. */
async function askAll(channel: Channel, lengths: readonly number[]): Promise<void> {
  for (const [number, length] of lengths.entries()) {
    const loan = await attempt(() => channel.loan(length, LIMIT));
    if (loan === undefined) continue;
    fill(loan.bytes, number);
    loan.tag = number;
    const answer = await attempt(() => channel.request(loan, LIMIT));
    loan.release();
    if (answer === undefined) continue;
    if (answer.byteLength !== length) problem(`an answer of ${answer.byteLength} bytes`);
    else check(answer.bytes, number, 'an answer');
    answer.release();
  }
  await attempt(() => channel.send(new Uint8Array(0), { ...LIMIT, tag: NO_MORE }));
}

/** Answers until the other side has asked all that it would, or nothing has come for a while. */
async function answerAll(channel: Channel): Promise<void> {
  for (;;) {
    const question = await attempt(async () => (await channel.receive(LIMIT)) ?? 'end');
    if (question === 'end' || question === undefined) break;
    const isLast = question.tag === NO_MORE;
    if (isLast) question.release();
    else await answer(question);
    if (isLast) break;
  }
}

async function answer(question: ChannelDelivery): Promise<void> {
  check(question.bytes, question.tag, 'a question');
  const bytes = question.copy();
  await attempt(() => question.respond(bytes, LIMIT));
  question.release();
}
