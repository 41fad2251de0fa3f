// WRONG: a thread compresses the bytes after `gzip` has returned.
import { open } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { sharedMmap } from '@pageferry/shared-mmap';

const compress = promisify(gzip);
const [endpoint = '', path = ''] = process.argv.slice(2);
const receiver = await sharedMmap.createReceiver({ endpoint });
const file = await open(path, 'w');
for (;;) {
  const deliveries = await receiver.receiveMany(16);
  if (deliveries.length === 0) break;
  const compressing = deliveries.map((delivery) => {
    const compressed = compress(delivery.bytes);
    delivery.release();
    return compressed;
  });
  for (const compressed of await Promise.all(compressing)) await file.appendFile(compressed);
}
await file.close();
await receiver.close();
