// Saves what arrives: node fs-promises.mjs ENDPOINT FILE
import { open } from 'node:fs/promises';
import { sharedMmap } from '@pageferry/shared-mmap';

const [endpoint = 'ferry', path = 'arrived'] = process.argv.slice(2);

const receiver = await sharedMmap.createReceiver({ endpoint });
const file = await open(path, 'w');
for await (const delivery of receiver) {
  try {
    await file.appendFile(delivery.bytes); // All of it; `file.write` may write less.
  } finally {
    delivery.release(); // No thread reads it any more.
  }
}
await file.close();
await receiver.close();
