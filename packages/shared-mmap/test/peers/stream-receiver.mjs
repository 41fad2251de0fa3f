// @ts-check
// A receiver in a process of its own, made to be killed: `program ENDPOINT POLICY`. Takes messages,
// and holds some of them for a while, until it ends.
import { sharedMmap } from '@pageferry/shared-mmap';
import { isIntact } from './stream.js';

const [endpoint = '', policy = 'wait'] = process.argv.slice(2);
const whenBehind = /** @type {import('@pageferry/shared-mmap').BehindPolicy} */ (policy);
const receiver = await sharedMmap.createReceiver({ endpoint, whenBehind, queueDepth: 32 });
process.send?.('connected');

/** @type {import('@pageferry/core').Delivery[]} */
const held = [];
let received = 0;
for await (const delivery of receiver) {
  if (!isIntact(delivery.bytes, delivery.sequence)) process.send?.(`wrong: ${delivery.sequence}`);
  held.push(delivery);
  if (held.length > 5) held.splice(delivery.sequence % 5, 1)[0]?.release();
  if (++received === 50) process.send?.('busy');
}
