/**
 * Moves bytes of every kind of array through pipes and sockets while the garbage collector runs all
 * the time, and checks each of them. The program that starts this has V8 collect at every turn.
 */
import assert from 'node:assert/strict';
import { AF_UNIX, MAP_ANONYMOUS, MAP_PRIVATE, SOCK_SEQPACKET } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-ffi';

const calls = loadLinuxCalls({ driver: process.argv[2] === 'node' ? 'node' : 'koffi' });
const collect = /** @type {(options?: { type: string }) => void} */ (globalThis.gc);
const ROUNDS = 1200;

const ends = new Int32Array(2);
calls.pipe2(ends, 0);
const [readEnd = -1, writeEnd = -1] = ends;
const sockets = new Int32Array(2);
calls.socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets);
const [near = -1, far = -1] = sockets;

/** Garbage that takes the place of whatever was freed. @param {number} size */
const litter = (size) => Array.from({ length: 8 }, () => new Uint8Array(size).fill(0xee));

for (let round = 0; round < ROUNDS; round++) {
  // Up to 64 bytes lie on V8's heap, and move; more do not.
  const size = [1, 16, 63, 64, 65, 4096][round % 6] ?? 1;
  const fill = 1 + (round % 200);
  assert.equal(calls.write(writeEnd, new Uint8Array(size).fill(fill), 0, size), size);
  litter(size);
  collect({ type: 'minor' });
  const arrived = new Uint8Array(size + 8);
  collect({ type: 'minor' });
  assert.equal(calls.read(readEnd, arrived, 4, size), size);
  collect({ type: 'minor' });
  assert.deepEqual([...new Set(arrived.subarray(4, 4 + size))], [fill]);
  assert.deepEqual([arrived[3], arrived[4 + size]], [0, 0]);

  const descriptors = Int32Array.of(readEnd);
  const bytes = Buffer.from(`message ${round}`);
  assert.equal(calls.sendmsg(near, bytes, 0, bytes.length, descriptors, 1, 0), bytes.length);
  const message = new Uint8Array(32);
  const received = new Int32Array(4);
  const info = new Int32Array(5);
  if (round % 20 === 0) collect();
  assert.equal(calls.recvmsg(far, message, 0, 32, received, info, 0), bytes.length);
  assert.equal(Buffer.from(message.buffer, 0, bytes.length).toString(), bytes.toString());
  assert.deepEqual([info[0], calls.close(received[0] ?? -1)], [1, 0]);
}

// Pages whose mapping and views nobody refers to any more while the pipe does.
for (let round = 0; round < 100; round++) {
  const buffer = calls.mmap(4096, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert.ok(typeof buffer === 'object');
  const bytes = new Uint8Array(buffer).fill(round);
  assert.equal(calls.vmsplice(writeEnd, bytes, 0, 4096, 0), 4096);
  calls.munmap(buffer);
  collect();
  const arrived = new Uint8Array(4096);
  assert.equal(calls.read(readEnd, arrived, 0, 4096), 4096);
  assert.deepEqual([...new Set(arrived)], [round]);
}

// Writes on other threads, of arrays that nobody else refers to.
const written = Array.from({ length: 400 }, (_, index) =>
  calls.writeOnThread(writeEnd, new Uint8Array(64).fill(index % 251), 0, 64),
);
for (let turn = 0; turn < 20; turn++) {
  collect();
  litter(64);
  await new Promise((resolve) => setImmediate(resolve));
}
assert.deepEqual(await Promise.all(written), new Array(400).fill(64));
const arrived = new Uint8Array(64);
const counts = new Map();
for (let index = 0; index < 400; index++) {
  assert.equal(calls.read(readEnd, arrived, 0, 64), 64);
  assert.equal(new Set(arrived).size, 1);
  counts.set(arrived[0], (counts.get(arrived[0]) ?? 0) + 1);
}
assert.equal(counts.size, 251);
process.exitCode = 7;
