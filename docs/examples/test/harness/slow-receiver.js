// A receiver that is slow: node slow-receiver.js ENDPOINT, over EXAMPLE_TRANSPORT. Says over IPC
// the digest of what it has got.
import { createHash, pbkdf2Sync } from 'node:crypto';
import { chosenTransport } from './transports.js';

const receiver = await chosenTransport().createReceiver({ endpoint: process.argv[2] ?? '' });
const hash = createHash('sha256');
for await (const delivery of receiver) {
  pbkdf2Sync('work', 'not sleep', 64, 32, 'sha256');
  hash.update(delivery.bytes);
  delivery.release();
}
await receiver.close();
process.send?.({ got: hash.digest('hex') });
process.disconnect();
