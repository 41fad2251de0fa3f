// @ts-check
// A receiver in a process of its own: `program ENDPOINT COUNT`. Holds that many messages, takes others
// until that fails, and says why. It says what it holds whenever it is asked, until it is ended.
import { sharedMmap } from '@pageferry/shared-mmap';

const [endpoint = '', count = '0'] = process.argv.slice(2);
const receiver = await sharedMmap.createReceiver({ endpoint, spinMicroseconds: 0 });
process.send?.('connected');

/** @type {import('@pageferry/core').Delivery[]} */
const held = [];
while (held.length < Number(count)) {
  const delivery = await receiver.receive();
  if (delivery) held.push(delivery);
}
process.on('message', () => {
  process.send?.(held.map(({ bytes }) => [...new Set(bytes)]));
});
process.send?.('holds');
try {
  for (;;) (await receiver.receive())?.release();
} catch (error) {
  process.send?.(/** @type {import('@pageferry/core').PageferryError} */ (error).code);
}
