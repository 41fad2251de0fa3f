import type { Worker } from 'node:worker_threads';
import type { Task } from '../../trials/task.js';
import type { AskingSide, Listening, ReceiverHandle, See } from '../channel.js';
import { transferList } from '../worker.js';
import { AnswersInOrder } from './answers-in-order.js';

/** `postMessage` to a thread and back. With the setting `transfer` the same memory goes to and fro. */
export { connect, receivers } from '../worker.js';

/** Asks a thread of this process. */
export async function listen(
  task: Task,
  [handle]: readonly ReceiverHandle[],
): Promise<Listening<AskingSide>> {
  return { connected: async () => askingSide(task, handle?.worker as Worker) };
}

function askingSide({ payloadBytes, channel }: Task, worker: Worker): AskingSide {
  const answers = new AnswersInOrder();
  worker.on('message', (message) => {
    if (message instanceof Uint8Array) answers.take(message);
  });
  const free: Uint8Array[] = [];
  return {
    knobs: {},
    async exchange(count, write, see, answered) {
      let bytes = free.pop() ?? new Uint8Array(payloadBytes);
      const seeAndKeep: See = (answer, ...part) => {
        see(answer, ...part);
        bytes = answer;
      };
      for (let index = 0; index < count; index++) {
        write(bytes);
        const answer = answers.next(seeAndKeep);
        worker.postMessage(bytes, transferList(channel, bytes));
        await answer;
        answered();
      }
      free.push(bytes);
    },
    async close() {},
  };
}
