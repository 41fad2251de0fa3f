import { Worker } from 'node:worker_threads';

/** How often to look whether the parent is still there, in milliseconds. */
const INTERVAL = 200;

/** Looks from a thread of its own, because the main one may be stuck in a call, or killed by it. */
const WATCH = `
const { parent, interval } = require('node:worker_threads').workerData;
const nobody = new Int32Array(new SharedArrayBuffer(4));
while (process.ppid === parent) Atomics.wait(nobody, 0, 0, interval);
process.kill(process.pid, 'SIGKILL');
`;

/**
 * Ends this process when its parent has ended, however that came.
 *
 * @returns the arguments of this program, without the parent's number.
 */
export function endWithParent(): readonly string[] {
  const [parent = '', ...args] = process.argv.slice(2);
  const workerData = { parent: Number(parent), interval: INTERVAL };
  new Worker(WATCH, { eval: true, workerData, execArgv: [], env: {} }).unref();
  return args;
}
