// A module that closes the channel of its worker, and then neither loads nor ends.
import { parentPort } from '@pageferry/workers';

process.on('exit', () => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
});
const port = await parentPort();
await port.close();
await new Promise(() => undefined);
