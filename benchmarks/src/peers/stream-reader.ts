import { once } from 'node:events';
import { connect } from 'node:net';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Delivery } from '@pageferry/core';
import { sharedMmap } from '@pageferry/shared-mmap';
import { pipeTo, toReadable } from '@pageferry/streams';
import { patternOf, type StreamWorkload } from '../messages/workload.js';
import { asBuffer, peerWorkload } from './workload-peer.js';

// Checks the stream that its parent writes, and tells how long the bytes after the warm-up took.
const { way, endpoint, chunkBytes, count, warmUp, readsAll } = peerWorkload<StreamWorkload>();
const pattern = patternOf(chunkBytes);
const warmBytes = chunkBytes * warmUp;
const allBytes = warmBytes + chunkBytes * count;
let received = 0;
let begin = 0;
let nanoseconds = 0;

const sink = new Writable({
  write(bytes: Buffer, _, done) {
    take(bytes);
    done();
  },
});
const sinkOfDeliveries = new Writable({
  objectMode: true,
  write(delivery: Delivery, _, done) {
    take(asBuffer(delivery.bytes));
    delivery.release();
    done();
  },
});
await {
  messages: readMessages,
  deliveries: readDeliveries,
  'in-place': pipeMessages,
  socket: readSocket,
}[way]();
if (received !== allBytes) throw new Error('the stream ended too early');
process.send?.({ nanoseconds });
process.disconnect?.();

function take(bytes: Buffer): void {
  if (!(readsAll ? isSent(bytes) : areEndsSent(bytes))) {
    throw new Error('the bytes are not what was sent');
  }
  if (received < warmBytes && received + bytes.length >= warmBytes) begin = performance.now();
  received += bytes.length;
  if (received === allBytes) nanoseconds = (performance.now() - begin) * 1e6;
}

/** Whether the bytes are the next ones of the stream. A chunk may be any part of it. */
function isSent(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; ) {
    const from = (received + at) % chunkBytes;
    const length = Math.min(bytes.length - at, chunkBytes - from);
    if (bytes.compare(pattern, from, from + length, at, at + length) !== 0) return false;
    at += length;
  }
  return true;
}

/** Whether the first of them and the last are. */
function areEndsSent(bytes: Buffer): boolean {
  const last = bytes.length - 1;
  return (
    bytes[0] === pattern[received % chunkBytes] &&
    bytes[last] === pattern[(received + last) % chunkBytes]
  );
}

async function readMessages(): Promise<void> {
  await pipeline(toReadable(await sharedMmap.createReceiver({ endpoint })), sink);
}

/** Whoever takes a chunk releases it. */
async function readDeliveries(): Promise<void> {
  await using receiver = await sharedMmap.createReceiver({ endpoint });
  await pipeline(toReadable(receiver, { objectMode: true, copy: false }), sinkOfDeliveries);
}

async function pipeMessages(): Promise<void> {
  await pipeTo(await sharedMmap.createReceiver({ endpoint }), sink);
}

async function readSocket(): Promise<void> {
  const socket = connect(endpoint);
  await once(socket, 'connect');
  await pipeline(socket, sink);
}
