// One side of a channel: `program MODULE EXPORT listen|connect ENDPOINT ROLE`. Tells what became of it.
import {
  type Channel,
  type ChannelDelivery,
  isPageferryError,
  type Listener,
  type Transport,
} from '@pageferry/core';
import { exchange } from '../exchange.js';

const [module = '', name = '', side, endpoint = '', role = ''] = process.argv.slice(2);
const transport: Transport = (await import(module))[name];
const SMALL_POOL = { poolBytes: 1024 * 1024 };

/** Resolves once the parent says a word. */
const told = new Promise((resolve) => process.once('message', resolve));

async function next(channel: Channel): Promise<ChannelDelivery> {
  const message = await channel.receive();
  if (message === undefined) throw new Error('the other side has ended');
  return message;
}

const roles: Readonly<Record<string, (channel: Channel) => Promise<void>>> = {
  /** Answers questions with their own bytes, and sends other messages back, with the next tag. */
  async echo(channel) {
    for await (const message of channel) {
      if (message.isRequest) await message.respond(message.bytes, { tag: message.tag });
      else await channel.send(message.bytes, { tag: message.tag + 1 });
      message.release();
    }
  },

  /** Answers ten questions, the last one first, and the others once it is told to. */
  async backwards(channel) {
    const questions: ChannelDelivery[] = [];
    while (questions.length < 10) questions.push(await next(channel));
    for (const question of questions.reverse()) {
      await question.respond(question.bytes);
      question.release();
      if (question === questions[0]) await told;
    }
    await channel.receive();
  },

  /** Receives all that comes, and says how much it was only after the end. */
  async sum(channel) {
    await told;
    let bytes = 0;
    for await (const message of channel) {
      bytes += message.byteLength;
      message.release();
    }
    await channel.send(Buffer.from(String(bytes)));
  },

  /** Never answers, and sends a message that is larger than any pipe. */
  async stuck(channel) {
    await channel.send(Buffer.from('small'));
    await next(channel);
    const loan = await channel.loan(8 * 1024 * 1024);
    void loan.send();
    process.send?.('sending');
    await told;
  },

  /** Closes when it is told to, with more on its way than any pipe takes, and receives nothing. */
  async closing(channel) {
    const loan = await channel.loan(8 * 1024 * 1024);
    loan.send().catch(() => undefined);
    process.send?.('sending');
    await told;
    await channel.close();
    process.send?.('closed');
  },

  /** Sends as much as it gets, both at once, and says whether all of it was right. */
  async flood(channel) {
    process.send?.(await exchange(channel));
    await told;
  },

  /** Sends two messages before it answers what it is asked. */
  async interrupting(channel) {
    const question = await next(channel);
    for (const tag of [5, 6]) await channel.send(Buffer.alloc(5000, tag), { tag });
    await question.respond(Buffer.from('answer'));
    question.release();
    await channel.receive();
  },

  /** Asks one question, and tells how long the answer is. */
  async asking(channel) {
    const answer = await channel.request(Buffer.alloc(200_000, 3));
    process.send?.(answer.byteLength);
    answer.release();
  },

  /** Takes one message when it is told to, and no other. */
  async one(channel) {
    await told;
    (await next(channel)).release();
    await new Promise((resolve) => process.once('message', resolve));
  },

  /** Takes nothing before it is told to. */
  async late(channel) {
    await told;
    for await (const message of channel) message.release();
  },
};

let listener: Listener | undefined;
let channel: Channel;
if (side === 'listen') {
  listener = await transport.listen({ endpoint, ...SMALL_POOL });
  channel = await listener.accept();
} else {
  channel = await transport.connect({ endpoint, ...SMALL_POOL });
}
const act = roles[role];
if (act === undefined) throw new Error(`no role: ${role}`);
try {
  await act(channel);
  await channel.close();
} catch (error) {
  if (!isPageferryError(error, 'PEER_DIED')) throw error;
  process.send?.(error.code);
  await channel.destroy();
}
await listener?.close();
process.disconnect();
