// Sends until it is told to end: node sender.mjs ENDPOINT
import { isPageferryError } from '@pageferry/core';
import { sharedMmap } from '@pageferry/shared-mmap';

const [endpoint = 'ferry'] = process.argv.slice(2);

const told = new AbortController();
const { signal } = told;
for (const name of ['SIGINT', 'SIGTERM']) process.once(name, () => told.abort());

const sender = await sharedMmap.createSender({ endpoint });
try {
  await sender.waitForReceivers(1, { signal });
  for (let number = 0; !signal.aborted; number++) {
    const outcome = await sender.send(Buffer.from(`message ${number}`), { signal });
    if (outcome === 'no-receiver') await sender.waitForReceivers(1, { signal });
  }
} catch (error) {
  if (!isPageferryError(error, 'ABORTED')) throw error;
}
try {
  await sender.flush({ timeout: 2000 }); // Until every receiver is done with everything.
} catch (error) {
  if (!isPageferryError(error, 'TIMEOUT')) throw error;
  console.error('A receiver is not done yet. It gets what was sent all the same.');
}
await sender.close(); // Tells the receivers that this was all, and removes the socket file.
