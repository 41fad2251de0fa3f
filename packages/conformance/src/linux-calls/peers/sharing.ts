import {
  AF_UNIX,
  type LinuxCalls,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  MAP_SHARED,
  MESSAGE_FIELD,
  PROT_READ,
  PROT_WRITE,
  SOCK_STREAM,
} from '@pageferry/linux';
import { turns } from '../support/event-loop.js';
import { PEER_DESCRIPTOR } from '../support/peer.js';
import { hangUp, runScenario, succeed, tell } from './peer-program.js';

/** Waits for the one descriptor that the parent sends over the inherited socket. */
function receiveDescriptor(calls: LinuxCalls): number {
  const descriptors = new Int32Array(1);
  const info = new Int32Array(5);
  succeed(calls.recvmsg(PEER_DESCRIPTOR, new Uint8Array(16), 0, 16, descriptors, info, 0));
  if (info[MESSAGE_FIELD.descriptorCount] !== 1) throw new Error('no descriptor came');
  return descriptors[0] ?? -1;
}

function map(calls: LinuxCalls, flags: number, fd: number): ArrayBuffer {
  const buffer = calls.mmap(calls.pageSize(), PROT_READ | PROT_WRITE, flags, fd, 0);
  if (typeof buffer === 'number') throw new Error(`mmap answered ${buffer}`);
  return buffer;
}

/** Adds the first two words of the memory that it receives, and writes the sum to the third. */
async function add(calls: LinuxCalls): Promise<void> {
  const words = new Int32Array(map(calls, MAP_SHARED, receiveDescriptor(calls)));
  Atomics.store(words, 2, Atomics.load(words, 0) + Atomics.load(words, 1));
  await tell('added');
  hangUp();
}

/** Vmsplices a page of its own into the pipe that it receives. */
async function feed(calls: LinuxCalls): Promise<void> {
  const pipe = receiveDescriptor(calls);
  const bytes = new Uint8Array(map(calls, MAP_PRIVATE | MAP_ANONYMOUS, -1)).fill(42);
  succeed(calls.vmsplice(pipe, bytes, 0, bytes.length, 0));
  await tell('fed');
  hangUp();
}

/** Sends to a socket whose other end is closed, with an ear open for SIGPIPE, which Node ignores. */
async function sendToNobody(calls: LinuxCalls): Promise<void> {
  let signals = 0;
  process.on('SIGPIPE', () => signals++);
  const ends = new Int32Array(2);
  succeed(calls.socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
  const [near = -1, far = -1] = ends;
  succeed(calls.close(far));
  const result = calls.sendmsg(near, Uint8Array.of(1), 0, 1, new Int32Array(0), 0, 0);
  await turns(3);
  await tell({ result, signals });
  hangUp();
}

await runScenario({ add, feed, 'send-to-nobody': sendToNobody });
