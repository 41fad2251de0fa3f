// @ts-check
// The peer in Node. Its arguments, its input and its output are those of peer.c and peer.py: see ../peers.ts.
import { createInterface } from 'node:readline';
import { sharedMmap } from '../../../packages/shared-mmap/dist/index.js';

const [binding, role = '', endpoint = '', ...rest] = /** @type {['napi', ...string[]]} */ (
  process.argv.slice(2)
);

const LARGEST = 4 * 1024 * 1024;
const PATTERN = Buffer.alloc(
  251 + LARGEST,
  Uint8Array.from({ length: 251 }, (_, at) => at),
);

/**
 * What message `number` says.
 *
 * @param {number} number
 * @param {number} length
 */
const contentOf = (number, length) => PATTERN.subarray(number % 251, (number % 251) + length);

/** @param {object} value */
const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

/** @param {number} poolBytes */
async function send(poolBytes) {
  const sender = await sharedMmap.createSender({ endpoint, poolBytes, binding });
  let number = 0;

  /**
   * @param {number} length
   * @param {number} shift
   */
  async function sendOne(length, shift) {
    const loan = await sender.loan(length);
    loan.bytes.set(contentOf(number + shift, length));
    loan.tag = number;
    while ((await loan.send()) === 'no-receiver') await sender.waitForReceivers();
    number++;
  }

  /** @param {readonly string[]} words */
  async function sendAll([flushes, lengths = '', rounds]) {
    for (let round = 0; round < Number(rounds); round++) {
      for (const length of lengths.split(',').map(Number)) {
        await sendOne(length, 0);
        if (flushes === 'flushing') await sender.flush();
      }
    }
  }

  async function untilAlone() {
    while (sender.receivers.length > 0) await new Promise((resolve) => setImmediate(resolve));
  }

  say({ open: true });
  for await (const line of createInterface({ input: process.stdin })) {
    const [command, ...words] = line.split(' ');
    if (command === 'await') await sender.waitForReceivers(Number(words[0]));
    if (command === 'send') await sendAll(words);
    if (command === 'lie') await sendOne(Number(words[0]), 1);
    if (command === 'flush') await sender.flush();
    if (command === 'alone') await untilAlone();
    if (command === 'close') await sender.close();
    say({ sent: number });
  }
}

/**
 * @param {'wait' | 'drop-newest' | 'drop-oldest'} whenBehind
 * @param {number} holds
 * @param {number} tells
 */
async function receive(whenBehind, holds, tells) {
  const receiver = await sharedMmap.createReceiver({ endpoint, whenBehind, binding });
  const seen = { end: 'END', count: 0, wrong: 0, disordered: 0, dropped: 0, tag: -1, length: -1 };
  /** @type {import('../../../packages/core/dist/index.js').Delivery[]} */
  const held = [];
  try {
    for (;;) {
      const message = await receiver.receive();
      if (message === undefined) break;
      const { tag, byteLength: length, sequence, bytes } = message;
      const isWhole = Buffer.compare(contentOf(tag, length), bytes) === 0;
      const follows = whenBehind === 'wait' ? tag === seen.tag + 1 : tag > seen.tag;
      if (!isWhole) seen.wrong++;
      if ((!follows && seen.count > 0) || sequence !== tag) seen.disordered++;
      seen.count++;
      Object.assign(seen, { tag, length });
      if (seen.count <= tells) say({ tag, length, isWhole });
      else if (seen.count === tells + 100) say({ count: seen.count });
      held.push(message);
      if (held.length > holds) held.shift()?.release();
    }
  } catch (error) {
    seen.end = /** @type {{ code: string }} */ (error).code;
  }
  seen.dropped = receiver.stats().messagesDropped;
  await receiver.close();
  say(seen);
}

if (role === 'send') await send(Number(rest[0]));
else {
  const [policy, holds, tells] = rest;
  await receive(/** @type {'wait'} */ (policy), Number(holds), Number(tells));
}
