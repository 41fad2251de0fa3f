// Answers with the question's bytes and a tag of its own: node responder.mjs SERVER ENDPOINT TAG MAX_UNDER_WAY PAUSE
import { setTimeout as pause } from 'node:timers/promises';
import { natsTransport } from '@pageferry/nats';

const [servers = '', endpoint = '', tag, maxUnderWay, milliseconds] = process.argv.slice(2);
const nats = natsTransport({ servers, patience: 1000 });
const responder = await nats.createResponder({ endpoint, maxUnderWay: Number(maxUnderWay) });
process.send?.('ready');
let underWay = 0;
let most = 0;
process.on('message', () => process.send?.(most));

/** @param {import('@pageferry/nats').ChannelDelivery} question */
async function answer(question) {
  underWay++;
  most = Math.max(most, underWay);
  await pause(Number(milliseconds));
  await question.respond(question.bytes, { tag: Number(tag) });
  question.release();
  underWay--;
}

for await (const question of responder) void answer(question);
