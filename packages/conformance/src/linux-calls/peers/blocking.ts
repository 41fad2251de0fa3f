import { type LinuxCalls, POLLIN } from '@pageferry/linux';
import { turns } from '../support/event-loop.js';
import { PEER_DESCRIPTOR } from '../support/peer.js';
import { hangUp, runScenario, tell } from './peer-program.js';

/** So many that some of them arrive within a call that does not wait. */
const SIGNALS = 2000;

/** Starts a write that blocks, and collects everything that only the write refers to. */
async function writeAndForget(calls: LinuxCalls): Promise<void> {
  const written = calls.writeOnThread(PEER_DESCRIPTOR, new Uint8Array(100).fill(42), 0, 100);
  for (let turn = 0; turn < 20; turn++) {
    globalThis.gc?.();
    // Takes the place of what was freed.
    new Uint8Array(100).fill(13);
    await turns(1);
  }
  await tell('collected');
  await tell(await written);
  hangUp();
}

/** Counts the signals that are handled from now on. */
function countSignals(): () => number {
  let count = 0;
  process.on('SIGUSR2', () => count++);
  return () => count;
}

async function poll(calls: LinuxCalls, timeout: number): Promise<void> {
  const signals = countSignals();
  await tell('polling');
  const revents = calls.poll(PEER_DESCRIPTOR, POLLIN, timeout);
  await turns(2);
  await tell({ result: revents, interrupted: signals() > 0 });
  hangUp();
}

async function pollMany(calls: LinuxCalls, timeout: number): Promise<void> {
  const signals = countSignals();
  await tell('polling');
  const result = calls.pollMany(Int32Array.of(PEER_DESCRIPTOR, POLLIN), 1, timeout);
  await turns(2);
  await tell({ result, interrupted: signals() > 0 });
  hangUp();
}

/** Looks at a descriptor again and again until so many signals were handled, most of them meanwhile. */
async function pollAmongSignals(calls: LinuxCalls): Promise<void> {
  const signals = countSignals();
  const results = new Set<number>();
  await tell('polling');
  while (signals() < SIGNALS) {
    for (let count = 0; count < 100; count++) results.add(calls.poll(PEER_DESCRIPTOR, POLLIN, 0));
    await turns(1);
  }
  await tell([...results]);
  hangUp();
}

async function spliceOnThread(calls: LinuxCalls): Promise<void> {
  const signals = countSignals();
  const ends = new Int32Array(2);
  calls.pipe2(ends, 0);
  const moved = calls.spliceOnThread(PEER_DESCRIPTOR, ends[1] ?? -1, 64, 0);
  await tell('splicing');
  const result = await moved;
  await turns(2);
  await tell({ result, interrupted: signals() > 0 });
  hangUp();
}

await runScenario({
  'write-and-forget': writeAndForget,
  'poll-without-limit': (calls) => poll(calls, -1),
  'poll-among-signals': pollAmongSignals,
  'poll-with-limit': (calls) => poll(calls, 60_000),
  'poll-many-without-limit': (calls) => pollMany(calls, -1),
  'poll-many-with-limit': (calls) => pollMany(calls, 60_000),
  'splice-on-thread': spliceOnThread,
});
