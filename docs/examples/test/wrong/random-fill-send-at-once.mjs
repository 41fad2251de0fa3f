// WRONG: a thread still writes into the loan after it was sent.
import { createHash, randomFill } from 'node:crypto';
import { promisify } from 'node:util';
import { sharedMmap } from '@pageferry/shared-mmap';

/** @type {(bytes: Uint8Array) => Promise<unknown>} */
const fill = promisify(randomFill);
const [endpoint = '', messages = ''] = process.argv.slice(2);
const sender = await sharedMmap.createSender({ endpoint, poolBytes: 64 * 1024 });
await sender.waitForReceivers();
const hash = createHash('sha256');
for (let message = 0; message < Number(messages); message++) {
  const loan = await sender.loan(4096);
  const { bytes } = loan;
  const filling = fill(bytes);
  await loan.send();
  await filling;
  hash.update(bytes);
}
console.log(hash.digest('hex'));
await sender.close();
