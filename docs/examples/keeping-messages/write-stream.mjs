// Saves what arrives through a stream: node write-stream.mjs ENDPOINT FILE
import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { sharedMmap } from '@pageferry/shared-mmap';

const [endpoint = 'ferry', path = 'arrived'] = process.argv.slice(2);

const receiver = await sharedMmap.createReceiver({ endpoint });
const file = createWriteStream(path);
for await (const delivery of receiver) {
  const written = new Promise((resolve) => {
    file.write(delivery.bytes, resolve); // Calls back in the end, also if it fails.
  });
  void written.then(() => delivery.release());
  if (file.writableNeedDrain) await written;
}
file.end();
await finished(file);
await receiver.close();
