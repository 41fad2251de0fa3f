// @ts-check
// A sender in a process of its own. `program ENDPOINT MODE`:
//   stream       sends messages as fast as it can, until it is killed
//   COUNT        waits for a receiver, sends so many messages, and tells of it; then does as it is told:
//                'close', or 'destroy'
import { sharedMmap } from '@pageferry/shared-mmap';
import { lengthOf, write } from './stream.js';

const [endpoint = '', mode = ''] = process.argv.slice(2);
const sender = await sharedMmap.createSender({ endpoint, poolBytes: 256 * 1024 });
process.send?.('ready');
await sender.waitForReceivers();

const count = mode === 'stream' ? Number.POSITIVE_INFINITY : Number(mode);
for (let number = 0; number < count; number++) {
  const loan = await sender.loan(lengthOf(number));
  write(loan.bytes, number);
  await loan.send();
}
process.send?.('sent');
process.on('message', async (how) => {
  await (how === 'close' ? sender.close() : sender.destroy());
  process.disconnect();
});
