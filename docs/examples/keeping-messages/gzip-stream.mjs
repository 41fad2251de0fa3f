// Compresses what arrives into one file: node gzip-stream.mjs ENDPOINT FILE
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { sharedMmap } from '@pageferry/shared-mmap';

const [endpoint = 'ferry', path = 'arrived.gz'] = process.argv.slice(2);

const receiver = await sharedMmap.createReceiver({ endpoint });
const gzip = createGzip();
const saved = pipeline(gzip, createWriteStream(path));
const failed = new AbortController();
saved.catch((error) => failed.abort(error)); // It cannot be written: no callback comes for what the compressor has.
try {
  for (;;) {
    const delivery = await receiver.receive({ signal: failed.signal });
    if (delivery === undefined) break; // The sender has closed.
    gzip.write(delivery.bytes, () => delivery.release()); // The compressor has read all of it.
    if (gzip.writableNeedDrain) await once(gzip, 'drain', { signal: failed.signal });
  }
  gzip.end();
  await saved;
} finally {
  await receiver.close(); // Releases what is still queued if that failed.
}
