// Receives until its sender ends, or until it is told to end: node receiver.mjs ENDPOINT
import { isPageferryError } from '@pageferry/core';
import { sharedMmap } from '@pageferry/shared-mmap';

const [endpoint = 'ferry'] = process.argv.slice(2);

const told = new AbortController();
const { signal } = told;
for (const name of ['SIGINT', 'SIGTERM']) process.once(name, () => told.abort());

try {
  const receiver = await sharedMmap.createReceiver({ endpoint, signal });
  signal.addEventListener('abort', () => receiver.close());
  for await (const delivery of receiver) {
    console.log(delivery.copy().toString());
    delivery.release();
  }
  await receiver.close(); // The loop has ended: the sender has closed.
} catch (error) {
  // `receiver.close()` ends the loop with CLOSED, the signal the wait for a sender with ABORTED.
  if (!isPageferryError(error, 'CLOSED') && !isPageferryError(error, 'ABORTED')) throw error;
}
