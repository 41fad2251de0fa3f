// A process with one side of a channel, which does what it is told, and tells what has come of it. Message number N is
// full of the byte N.
import { socketTransport } from '@pageferry/socket';

/** @typedef {import('@pageferry/core').Channel} Channel */

/** @type {import('@pageferry/core').Listener | undefined} */
let listener;
/** @type {Channel} */
let channel;
let sent = 0;
let received = 0;

/** @type {Record<string, (...args: any[]) => Promise<unknown>>} */
const actions = {
  async listen(options) {
    listener = await socketTransport.listen(options);
  },
  async accept() {
    channel = /** @type {Channel} */ (await listener?.accept());
  },
  async connect(options) {
    channel = await socketTransport.connect(options);
  },
  /** Sends messages of these lengths. */
  async send(lengths) {
    const outcomes = new Set();
    for (const length of lengths) outcomes.add(await channel.send(Buffer.alloc(length, sent++)));
    return [...outcomes];
  },
  /** Sends messages of this length until there is no room for another one. */
  async fill(length) {
    const before = sent;
    for (let loan = channel.tryLoan(length); loan; loan = channel.tryLoan(length)) {
      loan.bytes.fill(sent);
      if (loan.trySend() !== 'sent') {
        loan.release();
        break;
      }
      sent++;
    }
    return sent - before;
  },
  /** Receives so many messages, or all until the end. */
  async receive(count) {
    const lengths = [];
    let isRight = true;
    while (lengths.length < (count ?? Number.POSITIVE_INFINITY)) {
      const delivery = await channel.receive();
      if (delivery === undefined) return { lengths, isRight, hasEnded: true };
      const expected = received++;
      isRight &&= delivery.sequence === expected;
      isRight &&= Buffer.alloc(delivery.byteLength, expected).equals(delivery.bytes);
      lengths.push(delivery.byteLength);
      delivery.release();
    }
    return { lengths, isRight, hasEnded: false };
  },
  /** Takes so many questions, and answers them with their own bytes, the last one first; empty ones with an error. */
  async serve(count) {
    const questions = [];
    while (questions.length < count) {
      const question = await channel.receive();
      if (question === undefined) throw new Error('no more questions');
      questions.push(question);
    }
    for (const question of questions.reverse()) {
      if (question.byteLength > 0) await question.respond(question.copy());
      else await question.reject(Object.assign(new Error('nothing asked'), { code: 'E_EMPTY' }));
      question.release();
    }
  },
  flush: () => channel.flush(),
  finish: () => channel.finish(),
  close: () => channel.close(),
  stats: async () => channel.stats(),
  async unref() {
    channel.unref();
    listener?.unref();
  },
};

process.on(
  'message',
  async (/** @type {{ id: number, action: string, args: unknown[] }} */ { id, action, args }) => {
    try {
      process.send?.({ id, value: await actions[action]?.(...args) });
    } catch (error) {
      process.send?.({ id, code: /** @type {{ code?: string }} */ (error).code ?? String(error) });
    }
  },
);
process.send?.('ready');
