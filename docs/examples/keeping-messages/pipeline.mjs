// Saves what arrives through a pipeline of bytes: node pipeline.mjs ENDPOINT FILE
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { sharedMmap } from '@pageferry/shared-mmap';

const [endpoint = 'ferry', path = 'arrived'] = process.argv.slice(2);

const receiver = await sharedMmap.createReceiver({ endpoint });
await pipeline(async function* () {
  for await (const delivery of receiver) {
    const copy = delivery.copy(); // Nobody tells when the last stage is done with a chunk.
    delivery.release();
    yield copy;
  }
}, createWriteStream(path));
await receiver.close();
