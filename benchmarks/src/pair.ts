import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPipe, growPipe } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { allSucceed, peerPath, startPeer } from './children.js';
import type { Task, Trial } from './task.js';

const PIPE_BYTES = 1024 * 1024;

/** A fresh sender and a fresh receiver over the framed API, of one backend. */
export async function runFramed(task: Task, backend = 'vmsplice-napi'): Promise<Trial> {
  const endpoint = join(tmpdir(), `pageferry-bench-${process.pid}.sock`);
  const sender = startPeer('framed-sender', [endpoint, ...wordsOf(task), backend]);
  const receiver = startPeer('framed-receiver', [endpoint, ...wordsOf(task), backend]);
  return measure(task, [sender, receiver]);
}

/** A fresh sender and a fresh receiver that do nothing but system calls on one pipe. */
export async function runBare(task: Task): Promise<Trial> {
  const calls = loadLinuxCalls();
  const { readEnd, writeEnd } = createPipe(calls);
  growPipe(calls, writeEnd.fd, PIPE_BYTES);
  for (const end of [readEnd, writeEnd]) calls.setStatusFlags(end.fd, 0); // As in C: blocking.
  const sender = startPeer('bare-sender', ['', ...wordsOf(task)], writeEnd.fd);
  const receiver = startPeer('bare-receiver', ['', ...wordsOf(task)], readEnd.fd);
  readEnd.close();
  writeEnd.close();
  return measure(task, [sender, receiver]);
}

/** Node's own way: a child's standard input, streams on both ends. */
export async function runStdioPipe(task: Task): Promise<Trial> {
  const child = spawn(process.execPath, [peerPath('stdio-receiver')], {
    stdio: ['pipe', 'inherit', 'inherit', 'ipc'],
  });
  const { stdin } = child;
  if (stdin === null) throw new Error('the child has no standard input');
  await once(child, 'message'); // It is ready.
  const message = Buffer.alloc(task.messageBytes, 1);
  // It is that much slower, and the figure is a rate.
  const count = Math.max(1, Math.floor(task.totalBytes / task.messageBytes / 8));
  const warmUp = Math.ceil(count / 2);
  let begin = 0n;
  for (let index = 0; index < warmUp + count; index++) {
    if (index === warmUp) begin = process.hrtime.bigint();
    if (!stdin.write(message)) await once(stdin, 'drain');
  }
  const report = once(child, 'message');
  stdin.end();
  const [received] = await report;
  const nanoseconds = Number(process.hrtime.bigint() - begin);
  if (received !== (warmUp + count) * message.length) {
    throw new Error(`the child got ${received} bytes`);
  }
  return { bytes: count * message.length, nanoseconds };
}

/** The peers send the time of the first and of the last byte; the clock is the system's. */
async function measure(task: Task, peers: readonly ChildProcess[]): Promise<Trial> {
  const times: bigint[] = [];
  for (const peer of peers) {
    peer.on('message', (message) => times.push(BigInt((message as { at: string }).at)));
  }
  await allSucceed(peers);
  const [first, last] = times.sort((a, b) => (a < b ? -1 : 1));
  if (first === undefined || last === undefined) throw new Error('a peer did not report');
  const bytes = Math.floor(task.totalBytes / task.messageBytes) * task.messageBytes;
  return { bytes, nanoseconds: Number(last - first) };
}

function wordsOf(task: Task): string[] {
  return [task.path, ...[task.messageBytes, task.totalBytes, task.warmUpBytes].map(String)];
}
