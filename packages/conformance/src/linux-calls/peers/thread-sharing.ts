import assert from 'node:assert/strict';
import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { type LinuxCalls, MAP_SHARED, PROT_READ, PROT_WRITE } from '@pageferry/linux';
import { entriesOf, shapeOf } from '../support/entries.js';
import { turns } from '../support/event-loop.js';
import { mappedRanges } from '../support/process-state.js';
import { loadBinding, succeed } from './peer-program.js';

const NAME = 'shared-by-thread';
const [, , moduleUrl = '', scenario = ''] = process.argv;

/** Part of a page of sevens, and another mapping of the same memory to write to. */
function share(calls: LinuxCalls, protection: number) {
  const page = calls.pageSize();
  const fd = succeed(calls.memfdCreate(NAME, 0));
  succeed(calls.ftruncate(fd, page));
  const other = calls.mmap(page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  const mapping = calls.mmap(page, protection, MAP_SHARED, fd, 0);
  assert.ok(typeof other === 'object' && typeof mapping === 'object');
  new Uint8Array(other).fill(7);
  const held = calls.threadAlias(mapping, 0, 16, mapping);
  const released = calls.threadAlias(mapping, 16, 16, mapping);
  assert.ok(typeof held === 'object' && typeof released === 'object');
  new Int32Array(released.holds)[0] = 0;
  return { mapping, memories: [held.memory, released.memory] as const };
}

/** What the thread has shared is there after its end, and after that of the addon, which only it has loaded. */
async function outlive(): Promise<void> {
  const worker = new Worker(new URL(import.meta.url), { workerData: { moduleUrl } });
  const [memories] = await once(worker, 'message');
  await worker.terminate();
  assert.deepEqual(
    memories.map((memory: SharedArrayBuffer) => new Uint8Array(memory)[15]),
    // What was not given back, and what was.
    [7, 0],
  );
  assert.equal(mappedRanges(NAME).length, 0);
  memories.length = 0;
  for (let round = 0; round < 10; round++) {
    globalThis.gc?.();
    await turns(1);
  }
  process.exit(7);
}

/** A thread that never stops reading has what this one has shared. */
async function read(code: string, protection: number): Promise<void> {
  const calls = await loadBinding(moduleUrl);
  const { mapping, memories } = share(calls, protection);
  calls.explainWrites(mapping, entriesOf(), shapeOf(0), 'Look here.');
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads');
    parentPort.once('message', (memory) => { const bytes = new Uint8Array(memory); ${code} });`,
    { eval: true },
  );
  worker.postMessage(memories[0]);
  await once(worker, 'message');
  process.exit(7);
}

if (!isMainThread) {
  const { memories } = share(await loadBinding(workerData.moduleUrl), PROT_READ);
  parentPort?.postMessage([...memories]);
  parentPort?.on('message', () => {});
} else if (scenario === 'outlive') {
  await outlive();
} else if (scenario === 'exit') {
  await read(
    'parentPort.postMessage(0); for (let sum = 0; ; ) for (const byte of bytes) sum += byte;',
    PROT_READ | PROT_WRITE,
  );
} else {
  await read('bytes[0] = 1;', PROT_READ);
}
