import type { Readable, Writable } from 'node:stream';
import type { Task } from '../trials/task.js';
import type { Listening, ReceiverHandle, ReceivingSide } from './channel.js';
import { streamReceiver, streamSender } from './streams.js';

/** A child's standard input, and its standard output for answers. */
export const receivers = {
  stdio: ['pipe', 'pipe', 'inherit', 'ipc'] as ('pipe' | 'inherit' | 'ipc')[],
};

/** Writes to the standard input of each child. */
export async function listen(task: Task, handles: readonly ReceiverHandle[]): Promise<Listening> {
  const inputs = handles.map(({ child }) => child?.stdin as Writable);
  const output = task.scenario === 'rtt' ? (handles[0]?.child?.stdout as Readable) : undefined;
  return { connected: async () => streamSender(task, inputs, output, {}) };
}

/** The other side of {@link listen}. */
export async function connect(task: Task): Promise<ReceivingSide> {
  return streamReceiver(task, process.stdin, process.stdout);
}
