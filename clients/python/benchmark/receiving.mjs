// Receives frames until their sender ends, and looks at each: receiving.mjs ENDPOINT
import { sharedMmap } from '../../../packages/shared-mmap/dist/index.js';

const [, , endpoint = ''] = process.argv;
const receiver = await sharedMmap.createReceiver({ endpoint });
let total = 0;
for await (const delivery of receiver) {
  const { buffer, byteOffset, byteLength } = delivery.bytes;
  const frame = new Float32Array(buffer, byteOffset, byteLength / 4);
  total += (frame[0] ?? 0) + (frame[frame.length - 1] ?? 0);
  delivery.release();
}
if (Number.isNaN(total)) process.exitCode = 1;
await receiver.close();
