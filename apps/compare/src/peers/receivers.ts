import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { ChannelModule, ReceiverHandle } from '../channels/channel.js';
import type { Task } from '../trials/task.js';
import {
  isReport,
  type Order,
  ReceiverFailed,
  type ReceiverStart,
  type Report,
} from './protocol.js';

const PROGRAM = fileURLToPath(new URL('./receiver.js', import.meta.url));

/** One receiver, as the sending process talks to it. */
export interface RemoteReceiver extends ReceiverHandle {
  /** Gives an order. */
  tell(order: Order): void;
  /** The next report of this kind. Rejects when the receiver fails or ends instead. */
  next<Kind extends Report['report']>(kind: Kind): Promise<Extract<Report, { report: Kind }>>;
}

/** Starts the receivers of a trial. */
export function startReceivers(
  task: Task,
  { receivers }: Pick<ChannelModule, 'receivers'>,
): RemoteReceiver[] {
  return Array.from({ length: task.receivers }, (_, index) => {
    const start: ReceiverStart = { task, index };
    if (receivers === 'threads') {
      const worker = new Worker(PROGRAM, { workerData: start });
      return remote({ worker }, worker, (order) => worker.postMessage(order));
    }
    const child = fork(PROGRAM, [JSON.stringify(start)], { ...receivers });
    return remote({ child }, child, (order) => void child.send(order));
  });
}

interface Emitter {
  on(event: 'message', listener: (message: unknown) => void): unknown;
  once(event: 'exit', listener: (code: number | null) => void): unknown;
  once(event: 'error', listener: (error: Error) => void): unknown;
}

function remote(
  handle: ReceiverHandle,
  emitter: Emitter,
  tell: (order: Order) => void,
): RemoteReceiver {
  let waiting: ((report: Report) => void) | undefined;
  const early: Report[] = [];
  const take = (report: Report) => {
    if (waiting === undefined) early.push(report);
    else waiting(report);
  };
  emitter.on('message', (message) => {
    if (isReport(message)) take(message);
  });
  const fail = (reason: string) => take({ report: 'failed', reason, lost: false });
  emitter.once('error', (error) => fail(error.message));
  emitter.once('exit', (code) => fail(`the receiver ended with ${code}`));
  const report = () =>
    new Promise<Report>((resolve) => {
      const first = early.shift();
      if (first !== undefined) return resolve(first);
      waiting = (each) => {
        waiting = undefined;
        resolve(each);
      };
    });
  return {
    ...handle,
    tell,
    async next(kind) {
      const got = await report();
      if (got.report === 'failed') throw new ReceiverFailed(got.reason, got.lost);
      if (got.report !== kind) throw new Error(`expected '${kind}' and got '${got.report}'`);
      return got as never;
    },
  };
}
