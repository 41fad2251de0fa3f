import type { ChildProcess } from 'node:child_process';
import type { Task } from '../../trials/task.js';
import type { AnsweringSide, AskingSide, Listening, ReceiverHandle } from '../channel.js';
import { type Port, post, queueOf } from '../ipc.js';
import { advanced } from '../ipc-codec.js';
import { AnswersInOrder } from './answers-in-order.js';

/** `child.send` there and `process.send` back, with the serialization `advanced`. */
export { receivers } from '../ipc-advanced.js';

/** Asks a child. */
export async function listen(
  { payloadBytes }: Task,
  [handle]: readonly ReceiverHandle[],
): Promise<Listening<AskingSide>> {
  return { connected: async () => askingSide(payloadBytes, handle?.child as ChildProcess) };
}

/** The other side of {@link listen}. */
export async function connect({ payloadBytes }: Task): Promise<AnsweringSide> {
  const port = process as Port;
  const queue = queueOf(port, advanced);
  const message = Buffer.alloc(payloadBytes);
  return {
    answer: (count, see, write) =>
      queue.see(count, (...question) => {
        see(...question);
        write(message); // `send` serializes at once, so that the buffer is free again.
        void post(port, message);
      }),
    async close() {
      queue.end();
    },
  };
}

function askingSide(payloadBytes: number, port: ChildProcess): AskingSide {
  const answers = new AnswersInOrder();
  const message = Buffer.alloc(payloadBytes);
  port.on('message', (answer) => {
    const bytes = advanced.decode(answer);
    if (bytes !== undefined) answers.take(bytes);
  });
  port.on('disconnect', () => answers.end());
  return {
    knobs: {},
    async exchange(count, write, see, answered) {
      for (let index = 0; index < count; index++) {
        write(message); // Free again at once, as above.
        const answer = answers.next(see);
        void post(port, message);
        await answer;
        answered();
      }
    },
    async close() {},
  };
}
