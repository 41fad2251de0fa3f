// WRONG: the generator goes on when the next chunk is asked for, not when this one was written.
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { sharedMmap } from '@pageferry/shared-mmap';

const [endpoint = '', path = ''] = process.argv.slice(2);
const receiver = await sharedMmap.createReceiver({ endpoint });
await pipeline(async function* () {
  for await (const delivery of receiver) {
    yield delivery.bytes;
    delivery.release();
  }
}, createWriteStream(path));
await receiver.close();
