// Compresses what arrives into one file: node gzip-stream.mjs ENDPOINT FILE
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { sharedMmap } from '@pageferry/shared-mmap';

const here = process.env.XDG_RUNTIME_DIR ?? '.';
const [endpoint = `${here}/ferry.sock`, path = 'arrived.gz'] = process.argv.slice(2);

const receiver = await sharedMmap.createReceiver({ endpoint });
const gzip = createGzip();
const saved = pipeline(gzip, createWriteStream(path));
for await (const delivery of receiver) {
  const written = new Promise((resolve) => {
    gzip.write(delivery.bytes, resolve); // Calls back when the compressor has read all of it.
  });
  void written.then(() => delivery.release());
  if (gzip.writableNeedDrain) await written;
}
gzip.end();
await saved;
await receiver.close();
