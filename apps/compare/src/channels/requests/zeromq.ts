import type { Task } from '../../trials/task.js';
import { type AnsweringSide, type AskingSide, ChannelEnded, type Listening } from '../channel.js';
import { address, type Dealer, load } from '../zeromq.js';
import { AnswersInOrder } from './answers-in-order.js';

/**
 * DEALER to ROUTER over `ipc://`: REQ would wait for each answer before the next question. As in `zeromq.ts`, each
 * message is a fresh one: zeromq keeps it for as long as it likes, and does not say when it is done.
 */
export async function listen(task: Task): Promise<Listening<AskingSide>> {
  const { Dealer } = await load();
  const socket = new Dealer({ linger: -1 });
  const met = new Promise<void>((resolve) => socket.events.on('handshake', resolve));
  await socket.bind(address(task, 'there'));
  const connected = async () => {
    await met;
    return askingSide(task, socket);
  };
  return { connected };
}

/** The other side of {@link listen}. */
export async function connect(task: Task): Promise<AnsweringSide> {
  const { Router } = await load();
  const socket = new Router({});
  socket.connect(address(task, 'there'));
  return {
    async answer(count, see, write) {
      for (let missing = count; missing > 0; missing--) {
        const [sender, question] = await socket.receive();
        if (sender === undefined || question === undefined) throw new ChannelEnded(missing);
        see(question, 0, question.length, 0);
        const answer = Buffer.allocUnsafeSlow(task.payloadBytes);
        write(answer);
        await socket.send([sender, answer]);
      }
    },
    async close() {
      socket.close();
    },
  };
}

function askingSide({ payloadBytes }: Task, socket: Dealer): AskingSide {
  const answers = new AnswersInOrder();
  void takeAll(socket, answers);
  return {
    knobs: {},
    async exchange(count, write, see, answered) {
      for (let index = 0; index < count; index++) {
        const question = Buffer.allocUnsafeSlow(payloadBytes);
        write(question);
        const answer = answers.next(see);
        await socket.send(question);
        await answer;
        answered();
      }
    },
    async close() {
      socket.close();
    },
  };
}

/** Until the socket is closed. */
async function takeAll(socket: Dealer, answers: AnswersInOrder): Promise<void> {
  for await (const [answer] of socket) if (answer !== undefined) answers.take(answer);
  answers.end();
}
