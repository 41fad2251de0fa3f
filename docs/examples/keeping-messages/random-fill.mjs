// Has a thread write the messages that it sends: node random-fill.mjs ENDPOINT MESSAGES
import { createHash, randomFill } from 'node:crypto';
import { promisify } from 'node:util';
import { sharedMmap } from '@pageferry/shared-mmap';

const [endpoint = 'ferry', messages = '1000'] = process.argv.slice(2);

/** @type {(bytes: Uint8Array) => Promise<unknown>} */
const fill = promisify(randomFill);

const sender = await sharedMmap.createSender({ endpoint, poolBytes: 64 * 1024 });
await sender.waitForReceivers();
const hash = createHash('sha256');
for (let message = 0; message < Number(messages); message++) {
  const loan = await sender.loan(4096);
  try {
    await fill(loan.bytes); // The loan is kept until the thread has written the last byte.
    hash.update(loan.bytes);
    if ((await loan.send()) === 'no-receiver') break;
  } finally {
    loan.release(); // Does nothing to a loan that was sent.
  }
}
console.log(hash.digest('hex'));
await sender.close();
