// Saves what arrives through a pipeline of deliveries: node readable-from.mjs ENDPOINT FILE
import { open } from 'node:fs/promises';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { sharedMmap } from '@pageferry/shared-mmap';

const [endpoint = 'ferry', path = 'arrived'] = process.argv.slice(2);

const receiver = await sharedMmap.createReceiver({ endpoint });
const file = await open(path, 'w');
try {
  await pipeline(
    Readable.from(receiver), // The chunks are deliveries. The last stage releases them.
    new Writable({
      objectMode: true,
      write(delivery, _encoding, done) {
        file
          .appendFile(delivery.bytes)
          .finally(() => delivery.release())
          .then(() => done(), done);
      },
    }),
  );
} finally {
  await receiver.close(); // Releases what is still between the stages if one of them failed.
  await file.close();
}
