import { once } from 'node:events';
import { connect } from 'node:net';
import { type Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { sharedMmap } from '@pageferry/shared-mmap';
import { pipeTo, toReadable } from '@pageferry/streams';
import { patternOf, type StreamWorkload } from '../messages/workload.js';
import { peerWorkload } from './workload-peer.js';

// Checks every byte of the stream that its parent writes, and tells how long the bytes after the warm-up took.
const { way, endpoint, chunkBytes, count, warmUp } = peerWorkload<StreamWorkload>();
const pattern = patternOf(chunkBytes);
const warmBytes = chunkBytes * warmUp;
const allBytes = warmBytes + chunkBytes * count;
let received = 0;
let begin = 0;
let nanoseconds = 0;

const sink = new Writable({
  write(bytes: Buffer, _, done) {
    check(bytes);
    if (received < warmBytes && received + bytes.length >= warmBytes) begin = performance.now();
    received += bytes.length;
    if (received === allBytes) nanoseconds = (performance.now() - begin) * 1e6;
    done();
  },
});
if (way === 'in-place') await pipeTo(await sharedMmap.createReceiver({ endpoint }), sink);
else await pipeline(await (way === 'socket' ? fromSocket() : fromMessages()), sink);
if (received !== allBytes) throw new Error('the stream ended too early');
process.send?.({ nanoseconds });
process.disconnect?.();

/** A chunk may be any part of the stream. */
function check(bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) {
    const from = (received + at) % chunkBytes;
    const length = Math.min(bytes.length - at, chunkBytes - from);
    if (bytes.compare(pattern, from, from + length, at, at + length) !== 0) {
      throw new Error('the bytes are not what was sent');
    }
    at += length;
  }
}

async function fromMessages(): Promise<Readable> {
  return toReadable(await sharedMmap.createReceiver({ endpoint }));
}

async function fromSocket(): Promise<Readable> {
  const socket = connect(endpoint);
  await once(socket, 'connect');
  return socket;
}
