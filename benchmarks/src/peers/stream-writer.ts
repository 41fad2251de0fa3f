import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { sharedMmap } from '@pageferry/shared-mmap';
import { toWritable } from '@pageferry/streams';
import { peerPath } from '../children.js';
import { patternOf, type StreamWorkload } from '../messages/workload.js';
import { peerWorkload } from './workload-peer.js';

// Pipes chunks to a child of its own, which tells how long it took.
const { way, endpoint, chunkBytes, count, warmUp } = peerWorkload<StreamWorkload>();
const chunk = patternOf(chunkBytes);
let left = warmUp + count;
const source = new Readable({
  read() {
    this.push(left-- > 0 ? chunk : null);
  },
});
const [child, target] = await (way === 'socket' ? toSocket() : toMessages());
const report = once(child, 'message');
await pipeline(source, target);
const [trial] = await report;
await once(child, 'exit');
process.send?.(trial);
process.disconnect?.();

async function toMessages(): Promise<[ChildProcess, Writable]> {
  const sender = await sharedMmap.createSender({ endpoint });
  return [fork(peerPath('stream-reader'), process.argv.slice(2)), toWritable(sender)];
}

async function toSocket(): Promise<[ChildProcess, Writable]> {
  const server = createServer({ allowHalfOpen: false }).listen(endpoint);
  await once(server, 'listening');
  const child = fork(peerPath('stream-reader'), process.argv.slice(2));
  const [socket] = (await once(server, 'connection')) as [Socket];
  server.close();
  return [child, socket];
}
