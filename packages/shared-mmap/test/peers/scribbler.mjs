// @ts-check
// A receiver in a process of its own that writes to what it gets: `program ENDPOINT ACCESS WHAT`.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { sharedMmap } from '@pageferry/shared-mmap';

const [endpoint = '', access, what] = process.argv.slice(2);
const receiver = await sharedMmap.createReceiver({
  endpoint,
  access: /** @type {import('@pageferry/shared-mmap').Access} */ (access),
  sharedToThreads: what === 'write in a thread',
});
process.send?.('connected');

/** (module (memory 1) (func (export "read") (param i32) (result i32) (i32.load (local.get 0)))) */
const MODULE = Buffer.from(
  'AGFzbQEAAAABBgFgAX8BfwMCAQAFAwEAAQcIAQRyZWFkAAAKCQEHACAAKAIACw==',
  'base64',
);

// The types of Node do not know of it, without those of a browser.
const { WebAssembly } = /** @type {any} */ (globalThis);

/** Reads beyond the end of a WebAssembly memory: V8 has a handler for the fault, which comes first. */
async function trap() {
  const { instance } = await WebAssembly.instantiate(MODULE);
  const read = /** @type {(address: number) => number} */ (instance.exports['read']);
  try {
    return read(0x7fffffff);
  } catch (error) {
    return error instanceof WebAssembly.RuntimeError ? 'RuntimeError' : String(error);
  }
}

(await receiver.receive())?.release(); // The first message is of no concern.
const delivery = await receiver.receive();
if (delivery === undefined) throw new Error('nothing came');
if (what === 'trap') process.send?.(await trap());
else if (what === 'write in a thread') {
  const scribbling = new Worker(
    `require('node:worker_threads').parentPort.once('message', ({ bytes }) => { bytes[10] = 77; });`,
    { eval: true },
  );
  scribbling.postMessage(delivery.forThreads());
  await once(scribbling, 'exit');
} else {
  if (what === 'trap, then write') process.send?.(await trap());
  delivery.bytes[10] = 77;
  process.send?.(`wrote ${delivery.bytes[10]}`);
}
await receiver.close();
process.disconnect();
