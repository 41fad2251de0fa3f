// @ts-check
// A process with a worker thread that sleeps in receiveSync, and that then ends, or ends the thread.
// `program ENDPOINT BINDING MESSAGES HOW`: the thread receives MESSAGES before it sleeps, so that its code
// is compiled. HOW is 'terminate', 'exit', 'sigterm' or 'throw'; for 'sigterm' it says 'sleeps' and waits.
import { readdirSync, readFileSync } from 'node:fs';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { sharedMmap } from '@pageferry/shared-mmap';

/** Number of poll(2) on x86-64, of ppoll(2) on 64-bit ARM. */
const POLL = process.arch === 'x64' ? '7' : '73';

if (isMainThread) await main();
else await work();

async function main() {
  const [endpoint = '', binding, messages, how] = process.argv.slice(2);
  const sender = await sharedMmap.createSender({ endpoint });
  const before = readdirSync('/proc/self/task');
  const worker = new Worker(new URL(import.meta.url), { workerData: { endpoint, binding } });
  await sender.waitForReceivers();
  const isWorkers = (/** @type {string} */ thread) => !before.includes(thread);
  const threads = readdirSync('/proc/self/task').filter(isWorkers);

  for (let message = 0; message < Number(messages); message++) {
    await sender.send(new Uint8Array(10));
    if (message % 500 === 0) await sender.flush();
  }
  await sender.flush();
  const sleeps = () =>
    threads.some((thread) =>
      readFileSync(`/proc/self/task/${thread}/syscall`, 'latin1').startsWith(`${POLL} `),
    );
  while (!sleeps()) await new Promise(setImmediate);

  process.on('SIGTERM', () => process.exit(5));
  if (how === 'terminate') {
    await worker.terminate();
    await sender.close();
    process.exitCode = 3;
    process.disconnect?.();
  } else if (how === 'exit') {
    process.exit(4);
  } else if (how === 'throw') {
    setImmediate(() => {
      throw new Error('nobody catches this');
    });
  } else {
    process.send?.('sleeps');
  }
}

async function work() {
  const { endpoint, binding } = workerData;
  const receiver = await sharedMmap.createReceiver({ endpoint, binding });
  for (;;) receiver.receiveSync()?.release();
}
