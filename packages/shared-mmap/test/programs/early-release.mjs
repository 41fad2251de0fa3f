// Releases what a stream still reads, under guard: the file would come out short.
import { createWriteStream, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { sharedMmap } from '@pageferry/shared-mmap';

const endpoint = join(tmpdir(), `pageferry-early-${process.pid}.sock`);
const path = join(tmpdir(), `pageferry-early-${process.pid}.bin`);
process.on('exit', () => rmSync(path, { force: true }));
const sender = await sharedMmap.createSender({ endpoint });
const receiver = await sharedMmap.createReceiver({ endpoint, guard: true });
await sender.waitForReceivers();
for (let message = 0; message < 100; message++) await sender.send(Buffer.alloc(1000, 1));
await sender.close();
await pipeline(async function* () {
  for await (const delivery of receiver) {
    yield delivery.bytes;
    delivery.release(); // Too early.
  }
}, createWriteStream(path));
console.log('written');
