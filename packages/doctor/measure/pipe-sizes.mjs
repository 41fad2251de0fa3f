// How much slower or faster than the plain socket is the pipe transport, with pipes of each size?
//
//     pnpm --filter @pageferry/doctor measure:pipes
//
// In each round every subject sends the same bytes, in messages of 1 MiB, to a fresh process that
// looks at them. A row tells its speed as a multiple of the socket's in the same round: the median of
// all rounds, with minimum and maximum.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { socketTransport } from '@pageferry/socket';
import { vmspliceNapi } from '@pageferry/vmsplice-napi';

const ROUNDS = 7;
const MESSAGES = 64;
const MESSAGE_BYTES = 1 << 20;
const PIPE_PAGES = [1, 2, 4, 8, 16, 32, 64, 128, 256];

if (process.argv[2] !== undefined) await receive(process.argv[2], process.argv[3] ?? '');
else await measure();

async function measure() {
  const folder = mkdtempSync(join(tmpdir(), 'pageferry-measure-'));
  const ratios = new Map(PIPE_PAGES.map((pages) => [pages, /** @type {number[]} */ ([])]));
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const socket = await seconds(socketTransport, join(folder, 'ferry'), {});
      for (const [pages, results] of ratios) {
        const options = { pipeBytes: pages * 4096 };
        results.push(socket / (await seconds(vmspliceNapi, join(folder, 'ferry'), options)));
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  for (const [pages, results] of ratios) {
    results.sort((a, b) => a - b);
    const [least, median, most] = [0, ROUNDS >> 1, ROUNDS - 1].map((at) => results[at]?.toFixed(2));
    console.log(`${String(pages).padStart(4)} pages: ${median} x socket (${least} to ${most})`);
  }
}

async function seconds(transport, endpoint, options) {
  const sender = await transport.createSender({ endpoint, ...options });
  const child = fork(fileURLToPath(import.meta.url), [transport.name, endpoint]);
  const ended = once(child, 'exit');
  await sender.waitForReceivers();
  const started = performance.now();
  for (let message = 0; message < MESSAGES; message++) {
    const loan = await sender.loan(MESSAGE_BYTES);
    await loan.send();
  }
  await sender.flush();
  const taken = (performance.now() - started) / 1000;
  await sender.close();
  await ended;
  return taken;
}

async function receive(name, endpoint) {
  const transport = name === 'socket' ? socketTransport : vmspliceNapi;
  const receiver = await transport.createReceiver({ endpoint });
  for await (const delivery of receiver) delivery.release();
  await receiver.close();
}
