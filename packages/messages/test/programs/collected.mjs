// Sends values with large buffers to a child that leaves each to the garbage collector, and prints after each tenth what
// both processes take up: node collected.mjs [COUNT] [BYTES]. One that stalls does not end.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createPort } from '@pageferry/messages';
import { sharedMmap } from '@pageferry/shared-mmap';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');
const [, , count = '1000000', byteLength = '65536', endpoint = ''] = process.argv;
const last = Number(count);
const tenth = Math.ceil(last / 10);

/**
 * What this process takes up when nothing is garbage.
 *
 * @param {string} side
 * @param {number} number how many values have been sent, or received
 */
async function sample(side, number) {
  // What the first collection has found is released in the next turn, and what that held is garbage then.
  for (let times = 0; times < 2; times++) {
    collect();
    await new Promise(setImmediate);
  }
  const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage();
  // Of the pages, those that no other process maps.
  const rollup = readFileSync('/proc/self/smaps_rollup', 'utf8');
  const own = Number(/^Private_Dirty: +(\d+) kB/m.exec(rollup)?.[1]);
  const mappings = readFileSync('/proc/self/maps', 'utf8').split('\n').length;
  return { side, number, rss, heapUsed, external, arrayBuffers, own: own * 1024, mappings };
}

/** @param {object} line */
const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

async function receive() {
  const port = createPort(await sharedMmap.connect({ endpoint }));
  let next = 0;
  port.on('message', (value) => {
    const { number, bytes } = /** @type {{ number: number, bytes: Uint8Array }} */ (value);
    if (number !== next++ || bytes[number % bytes.length] !== number % 256)
      throw new Error('wrong');
    if (next % tenth === 0 || next === last) sample('receiver', next).then(print);
  });
  await new Promise((resolve) => port.on('close', resolve));
  if (next !== last) throw new Error(`${next} of ${last} values have come`);
  await port.close();
}

async function send() {
  const folder = mkdtempSync(join(tmpdir(), 'pageferry-collected-'));
  const place = join(folder, 'socket');
  const listener = await sharedMmap.listen({ endpoint: place, poolBytes: 64 * 2 ** 20 });
  const child = fork(import.meta.filename, [count, byteLength, place]);
  const ended = once(child, 'exit');
  const port = createPort(await listener.accept());
  const bytes = new Uint8Array(Number(byteLength));
  for (let number = 0; number < last; number++) {
    bytes[number % bytes.length] = number;
    await port.send({ number, bytes });
    if ((number + 1) % tenth === 0 || number + 1 === last)
      print(await sample('sender', number + 1));
  }
  await port.close();
  const [code] = await ended;
  await listener.close();
  rmSync(folder, { recursive: true });
  process.exitCode = code;
}

await (endpoint === '' ? send() : receive());
