/** Sends a file: `node send-file.js <endpoint> <file>`. Runs where this package is installed. */
import { open } from 'node:fs/promises';
import { vmspliceFfi } from '@pageferry/vmsplice-ffi';

const [, , endpoint = '', path = ''] = process.argv;
const file = await open(path);
const sender = await vmspliceFfi.createSender({ endpoint });
await sender.waitForReceivers();
for (;;) {
  const loan = await sender.loan(1024 * 1024);
  const { bytesRead } = await file.read(loan.bytes);
  if (bytesRead === 0) break;
  loan.truncate(bytesRead);
  await loan.send();
}
console.log(sender.stats().method);
await sender.close();
await file.close();
