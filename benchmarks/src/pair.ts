import type { ChildProcess } from 'node:child_process';
import { allSucceed, collectMessages } from '@pageferry/measuring/children';
import { startAtPipe, startPeer, temporaryPath } from './children.js';
import { runChannel } from './shared/trials.js';
import type { FramedWorkload, PairWorkload, Task, Trial } from './task.js';

/** A fresh sender and a fresh receiver over the framed API, of one backend. */
export async function runFramed(task: Task, backend = 'vmsplice-napi'): Promise<Trial> {
  const workload: FramedWorkload = { ...workloadOf(task), endpoint: temporaryPath(), backend };
  const sender = startPeer('framed-sender', workload);
  return measure(workload, [sender, startPeer('framed-receiver', workload)]);
}

/** A fresh sender and a fresh receiver that do nothing but system calls on one pipe. */
export async function runBare(task: Task): Promise<Trial> {
  const workload = workloadOf(task);
  return measure(workload, startAtPipe(['bare-sender', workload], ['bare-receiver', workload]));
}

/** Node's own way: a child's standard input, streams on both ends. */
export async function runStdioPipe({ messageBytes, totalBytes }: Task): Promise<Trial> {
  // It is that much slower, and the figure is a rate.
  const count = Math.max(1, Math.floor(totalBytes / messageBytes / 8));
  const workload = { messageBytes, count, warmUp: Math.ceil(count / 2), scan: false };
  const { nanoseconds } = await runChannel('stdio', workload);
  return { bytes: count * messageBytes, nanoseconds };
}

/** The peers send the time of the first and of the last byte; the clock is the system's. */
async function measure(
  { count, messageBytes }: PairWorkload,
  peers: readonly ChildProcess[],
): Promise<Trial> {
  const reports = peers.map((peer) => collectMessages<{ at: string }>(peer));
  await allSucceed(peers);
  const times = reports.flat().map(({ at }) => BigInt(at));
  const [first, last] = times.sort((a, b) => (a < b ? -1 : 1));
  if (first === undefined || last === undefined) throw new Error('a peer did not report');
  return { bytes: count * messageBytes, nanoseconds: Number(last - first) };
}

function workloadOf({ path, messageBytes, totalBytes, warmUpBytes }: Task): PairWorkload {
  return {
    discard: path === 'discard',
    messageBytes,
    count: Math.floor(totalBytes / messageBytes),
    warmUp: Math.floor(warmUpBytes / messageBytes),
  };
}
