// Begins to connect, says so, and never comes to that.
import { parentPort as nodesPort } from 'node:worker_threads';
import { sharedMmap } from '@pageferry/shared-mmap';
import { parentPort } from '@pageferry/workers';

const connect = () => {
  if (nodesPort) nodesPort.postMessage('connecting');
  else process.send?.('connecting');
  return new Promise(() => undefined);
};
// Keeps the process alive.
setInterval(() => undefined, 1000);
await parentPort({ transport: { ...sharedMmap, connect } });
