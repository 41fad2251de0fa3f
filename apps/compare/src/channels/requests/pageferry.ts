import type { Channel } from '@pageferry/core';
import type { Knobs, Task } from '../../trials/task.js';
import { endpoints, expectSent, knobsOf, loadTransport } from '../backend.js';
import { type AnsweringSide, type AskingSide, ChannelEnded, type Listening } from '../channel.js';

/** Requests over one channel of a Pageferry backend. Who answers listens, as servers do; this side connects. */
export async function listen(task: Task): Promise<Listening<AskingSide>> {
  const transport = await loadTransport(task);
  const { endpoint } = endpoints(task);
  const knobs = knobsOf(task);
  const connected = async () =>
    askingSide(task, await transport.connect({ endpoint, ...knobs }), knobs);
  return { connected };
}

/** The other side of {@link listen}. */
export async function connect(task: Task): Promise<AnsweringSide> {
  const transport = await loadTransport(task);
  const { endpoint } = endpoints(task);
  const listener = await transport.listen({ endpoint, maxChannels: 1, ...knobsOf(task) });
  const channel = await listener.accept();
  return {
    async answer(count, see, write) {
      for (let missing = count; missing > 0; missing--) {
        const question = channel.tryReceive() ?? (await channel.receive());
        if (question === undefined) throw new ChannelEnded(missing);
        see(question.bytes, 0, question.byteLength, 0);
        const loan = channel.tryLoan(task.payloadBytes) ?? (await channel.loan(task.payloadBytes));
        write(loan.bytes);
        expectSent(await question.respond(loan));
        question.release();
      }
    },
    close: () => listener.close(),
  };
}

function askingSide({ payloadBytes }: Task, channel: Channel, knobs: Knobs): AskingSide {
  return {
    get knobs() {
      return { ...knobs, method: channel.stats().method };
    },
    async exchange(count, write, see, answered) {
      for (let index = 0; index < count; index++) {
        const loan = channel.tryLoan(payloadBytes) ?? (await channel.loan(payloadBytes));
        write(loan.bytes);
        const answer = await channel.request(loan);
        see(answer.bytes, 0, answer.byteLength, 0);
        answer.release();
        answered();
      }
    },
    close: () => channel.close(),
  };
}
