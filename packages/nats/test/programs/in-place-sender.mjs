// Sends messages in place, from the first of those that it is told to: node in-place-sender.mjs URL ENDPOINT SOURCE FIRST COUNT.
// Says how many were there already, and waits to be killed.
import { natsTransport } from '@pageferry/nats';

const [servers = '', endpoint = '', takeOver = '', first = '', count = ''] = process.argv.slice(2);
const nats = natsTransport({ servers, patience: 20_000 });
const sender = await nats.createSender({ endpoint, takeOver });
const sending = [];
for (let number = Number(first); number < Number(first) + Number(count); number++) {
  const bytes = Buffer.alloc(number % 10 === 0 ? 2_500_000 : 1000 + number, number % 251);
  bytes.writeUInt32LE(number);
  sending.push(sender.sendInPlace(bytes, { sequence: number, waitForReceivers: true }));
  // Whoever kills this process does it in the middle of something.
  if (sending.length > 8) await sending.shift();
  process.send?.({ sent: number });
}
await Promise.all(sending);
process.send?.({ found: /** @type {any} */ (sender.stats()).messagesFound });
setInterval(() => undefined, 1000);
