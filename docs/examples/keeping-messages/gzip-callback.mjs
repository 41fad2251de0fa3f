// Compresses each message and saves it: node gzip-callback.mjs ENDPOINT FILE
import { open } from 'node:fs/promises';
import { gzip } from 'node:zlib';
import { sharedMmap } from '@pageferry/shared-mmap';

const [endpoint = 'ferry', path = 'arrived.gz'] = process.argv.slice(2);

/**
 * @param {import('@pageferry/core').Delivery} delivery
 * @returns {Promise<Buffer>}
 */
function compress(delivery) {
  return new Promise((resolve, reject) => {
    gzip(delivery.bytes, (error, compressed) => {
      delivery.release(); // The thread that compresses has read it to the end.
      if (error === null) resolve(compressed);
      else reject(error);
    });
  });
}

const receiver = await sharedMmap.createReceiver({ endpoint });
const file = await open(path, 'w');
for (;;) {
  const deliveries = await receiver.receiveMany(4); // As many as there are threads.
  if (deliveries.length === 0) break; // The sender has closed.
  for (const compressed of await Promise.all(deliveries.map(compress))) {
    await file.appendFile(compressed);
  }
}
await file.close();
await receiver.close();
