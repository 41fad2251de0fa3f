/** The program of a worker thread that carries out splice(2), one call after the other. */
import { parentPort } from 'node:worker_threads';
import { Errno } from '../calls/errno.js';
import { declareSplice } from '../calls/splice.js';
import { NodeDriver } from './node-driver.js';
import type { SpliceRequest } from './splice-workers.js';

const driver = new NodeDriver();
const splice = declareSplice(driver, new Errno(driver));

parentPort?.on('message', ({ from, to, length, flags }: SpliceRequest) => {
  parentPort?.postMessage(splice(from, to, length, flags));
});
