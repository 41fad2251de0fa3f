// Puts its length before each message and saves both: node transform.mjs ENDPOINT FILE
import { createWriteStream } from 'node:fs';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { sharedMmap } from '@pageferry/shared-mmap';

const [endpoint = 'ferry', path = 'arrived'] = process.argv.slice(2);

const receiver = await sharedMmap.createReceiver({ endpoint });
try {
  await pipeline(
    Readable.from(receiver),
    new Transform({
      writableObjectMode: true, // Deliveries come in, bytes of their own go out.
      transform(delivery, _encoding, done) {
        const framed = Buffer.allocUnsafe(4 + delivery.byteLength);
        framed.writeUInt32LE(delivery.byteLength);
        framed.set(delivery.bytes, 4);
        delivery.release(); // Everything that is needed of it is in `framed`.
        done(null, framed);
      },
    }),
    createWriteStream(path),
  );
} finally {
  await receiver.close(); // Releases what is still between the stages if one of them failed.
}
