import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createPipe, growPipe } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import type { Task, Trial } from './task.js';

const PIPE_BYTES = 1024 * 1024;

/** A fresh sender and a fresh receiver over the framed API. */
export async function runFramed(task: Task): Promise<Trial> {
  const endpoint = join(tmpdir(), `pageferry-bench-${process.pid}.sock`);
  const sender = start('framed-sender', [endpoint, ...wordsOf(task)]);
  const receiver = start('framed-receiver', [endpoint, ...wordsOf(task)]);
  return measure(task, [sender, receiver]);
}

/** A fresh sender and a fresh receiver that do nothing but system calls on one pipe. */
export async function runBare(task: Task): Promise<Trial> {
  const calls = loadLinuxCalls();
  const { readEnd, writeEnd } = createPipe(calls);
  growPipe(calls, writeEnd.fd, PIPE_BYTES);
  for (const end of [readEnd, writeEnd]) calls.setStatusFlags(end.fd, 0); // As in C: blocking.
  const sender = start('bare-sender', ['', ...wordsOf(task)], writeEnd.fd);
  const receiver = start('bare-receiver', ['', ...wordsOf(task)], readEnd.fd);
  readEnd.close();
  writeEnd.close();
  return measure(task, [sender, receiver]);
}

/** Node's own way: a child's standard input, streams on both ends. */
export async function runStdioPipe(task: Task): Promise<Trial> {
  const child = spawn(process.execPath, [pathOf('stdio-receiver')], {
    stdio: ['pipe', 'inherit', 'inherit', 'ipc'],
  });
  const { stdin } = child;
  if (stdin === null) throw new Error('the child has no standard input');
  await once(child, 'message'); // It is ready.
  const message = Buffer.alloc(task.messageBytes, 1);
  // It is that much slower, and the figure is a rate.
  const count = Math.max(1, Math.floor(task.totalBytes / task.messageBytes / 8));
  const begin = process.hrtime.bigint();
  for (let index = 0; index < count; index++) {
    if (!stdin.write(message)) await once(stdin, 'drain');
  }
  const report = once(child, 'message');
  stdin.end();
  const [received] = await report;
  const nanoseconds = Number(process.hrtime.bigint() - begin);
  if (received !== count * message.length) throw new Error(`the child got ${received} bytes`);
  return { bytes: received, nanoseconds };
}

/** The peers send the time of the first and of the last byte; the clock is the system's. */
async function measure(task: Task, peers: readonly ChildProcess[]): Promise<Trial> {
  const times: bigint[] = [];
  for (const peer of peers) {
    peer.on('message', (message) => times.push(BigInt((message as { at: string }).at)));
  }
  try {
    await Promise.all(peers.map(succeeded));
  } finally {
    for (const peer of peers) peer.kill();
  }
  const [first, last] = times.sort((a, b) => (a < b ? -1 : 1));
  if (first === undefined || last === undefined) throw new Error('a peer did not report');
  const bytes = Math.floor(task.totalBytes / task.messageBytes) * task.messageBytes;
  return { bytes, nanoseconds: Number(last - first) };
}

async function succeeded(child: ChildProcess): Promise<void> {
  const [code, signal] = await once(child, 'exit');
  if (code !== 0) throw new Error(`${child.spawnargs[1]} ended with ${signal ?? code}`);
}

function start(peer: string, words: readonly string[], fd?: number): ChildProcess {
  const stdio = [
    'inherit',
    'inherit',
    'inherit',
    'ipc',
    ...(fd === undefined ? [] : [fd]),
  ] as const;
  return fork(pathOf(peer), words, { stdio: [...stdio] });
}

function wordsOf(task: Task): string[] {
  return [task.path, ...[task.messageBytes, task.totalBytes, task.warmUpBytes].map(String)];
}

function pathOf(peer: string): string {
  return fileURLToPath(new URL(`./peers/${peer}.js`, import.meta.url));
}
