import { parentPort, workerData } from 'node:worker_threads';
import { type BackendName, loadBackend } from '../backends.js';

/** What a thread is to wait at. */
export interface Waiting {
  readonly backend: BackendName;
  readonly endpoint: string;
}

const { backend, endpoint } = workerData as Waiting;
const { transport, options } = await loadBackend(backend);
const receiver = await transport.createReceiver({ ...options, endpoint });
const receiving = receiver.receive();
parentPort?.postMessage('waits');
await receiving;
