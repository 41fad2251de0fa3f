import type { Socket } from 'node:net';
import type { Task } from '../../trials/task.js';
import { type AnsweringSide, type AskingSide, ChannelEnded, type Listening } from '../channel.js';
import { connectToSocket, listenAtSocket } from '../socket-stream.js';
import { AnswersInOrder } from './answers-in-order.js';
import { type Frame, FrameReader, frameFor } from './frames.js';

/** Plain `node:net`: messages with their length before them, and somebody who answers them in turn. */
export async function listen(task: Task): Promise<Listening<AskingSide>> {
  const { address, connected } = await listenAtSocket(task);
  return {
    address,
    async connected() {
      const [socket] = await connected();
      return askingSide(task, socket as Socket);
    },
  };
}

/** The other side of {@link listen}. */
export async function connect(
  task: Task,
  address: string | number | undefined,
): Promise<AnsweringSide> {
  return answeringSide(task, await connectToSocket(address));
}

function askingSide({ payloadBytes }: Task, socket: Socket): AskingSide {
  const answers = new AnswersInOrder();
  const reader = new FrameReader(answers.see, () => answers.complete());
  socket.on('data', (chunk: Buffer) => reader.take(chunk));
  socket.once('close', () => answers.end());
  socket.once('error', () => answers.end());
  /** A frame is written again only when its answer is there: then it has left. */
  const free: Frame[] = [];
  return {
    knobs: {},
    async exchange(count, write, see, answered) {
      const frame = free.pop() ?? frameFor(payloadBytes);
      for (let index = 0; index < count; index++) {
        write(frame.message);
        const answer = answers.next(see);
        socket.write(frame.bytes);
        await answer;
        answered();
      }
      free.push(frame);
    },
    async close() {
      socket.end();
    },
  };
}

function answeringSide({ payloadBytes, underWay = 1 }: Task, socket: Socket): AnsweringSide {
  /** As many as questions can be under way: the answer before that in the same frame was received. */
  const frames = Array.from({ length: underWay }, () => frameFor(payloadBytes));
  let end: (() => void) | undefined;
  let reader: FrameReader | undefined;
  socket.on('data', (chunk: Buffer) => {
    if (reader === undefined) throw new Error('a question came before anybody answers');
    reader.take(chunk);
  });
  socket.once('close', () => end?.());
  socket.once('error', () => end?.());
  return {
    answer: (count, see, write) =>
      new Promise((resolve, reject) => {
        let answered = 0;
        end = () => reject(new ChannelEnded(count - answered));
        reader = new FrameReader(see, () => {
          const frame = frames[answered % underWay] as Frame;
          write(frame.message);
          socket.write(frame.bytes);
          if (++answered === count) resolve();
        });
      }),
    async close() {
      socket.end();
    },
  };
}
