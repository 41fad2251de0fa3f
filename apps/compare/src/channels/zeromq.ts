import { join } from 'node:path';
import type { Task } from '../trials/task.js';
import { ChannelEnded, type Listening, type ReceivingSide, type SendingSide } from './channel.js';

/** What is used of the package `zeromq`, which is optional: only if it is installed. */
export interface Zeromq {
  readonly Push: new (options: object) => Outgoing;
  readonly Pull: new (options: object) => Incoming;
  readonly Dealer: new (options: object) => Dealer;
  readonly Router: new (options: object) => Router;
}
interface Outgoing {
  bind(address: string): Promise<void>;
  send(bytes: Uint8Array): Promise<void>;
  readonly events: { on(event: 'handshake', listener: () => void): void };
  close(): void;
}
interface Incoming {
  connect(address: string): void;
  receive(): Promise<readonly Buffer[]>;
  close(): void;
}
/** A socket that asks, and iterates over the answers. */
export interface Dealer extends Outgoing, AsyncIterable<readonly Buffer[]> {}
interface Router extends Incoming {
  /** The first part says to whom. */
  send(parts: readonly Uint8Array[]): Promise<void>;
}

const BYTES_UNDER_WAY = 4 * 1024 * 1024;
const PACKAGE = 'zeromq';

/** PUSH to PULL over `ipc://`, one pair for each receiver, and one more for answers. */
export async function listen(task: Task): Promise<Listening> {
  const { Push, Pull } = await load();
  const mark = queueLength(task);
  const sockets = await Promise.all(
    Array.from({ length: task.receivers }, async (_, index) => {
      const socket = new Push({ sendHighWaterMark: mark, linger: -1 });
      const met = new Promise<void>((resolve) => socket.events.on('handshake', resolve));
      await socket.bind(address(task, `there-${index}`));
      return { socket, met };
    }),
  );
  return {
    async connected() {
      await Promise.all(sockets.map(({ met }) => met));
      const answers = new Pull({});
      if (task.scenario === 'rtt') answers.connect(address(task, 'back'));
      return sender(
        task,
        sockets.map(({ socket }) => socket),
        answers,
      );
    },
  };
}

function sender(task: Task, outs: readonly Outgoing[], answers: Incoming): SendingSide {
  return {
    knobs: { sendHighWaterMark: queueLength(task) },
    async send(count, write) {
      for (let index = 0; index < count; index++) {
        // A fresh one: zeromq keeps it for as long as it likes, and does not say when it is done.
        const message = Buffer.allocUnsafeSlow(task.payloadBytes);
        write(message);
        for (const out of outs) await out.send(message);
      }
    },
    async exchange(count, write, see, answered) {
      for (let index = 0; index < count; index++) {
        const message = Buffer.allocUnsafeSlow(task.payloadBytes);
        write(message);
        for (const out of outs) await out.send(message);
        const [answer] = await answers.receive();
        if (answer === undefined) throw new ChannelEnded(count - index);
        see(answer, 0, answer.length, 0);
        answered();
      }
    },
    async close() {
      for (const out of outs) out.close();
      answers.close();
    },
  };
}

/** The other side of {@link listen}. */
export async function connect(
  task: Task,
  _address: unknown,
  index: number,
): Promise<ReceivingSide> {
  const { Push, Pull } = await load();
  const incoming = new Pull({ receiveHighWaterMark: queueLength(task) });
  incoming.connect(address(task, `there-${index}`));
  const answers = new Push({});
  if (task.scenario === 'rtt') await answers.bind(address(task, 'back'));
  const next = async (missing: number) => {
    const [message] = await incoming.receive();
    if (message === undefined) throw new ChannelEnded(missing);
    return message;
  };
  return {
    async receive(count, see) {
      for (let index = 0; index < count; index++) {
        const message = await next(count - index);
        see(message, 0, message.length, 0);
      }
    },
    async moveOn(count, destination) {
      for (let index = 0; index < count; index++) {
        if (!destination.write(await next(count - index))) await destination.drained();
      }
    },
    async answer(count, see, write) {
      for (let index = 0; index < count; index++) {
        const message = await next(count - index);
        see(message, 0, message.length, 0);
        const answer = Buffer.allocUnsafeSlow(task.payloadBytes);
        write(answer);
        await answers.send(answer);
      }
    },
    async close() {
      incoming.close();
      answers.close();
    },
  };
}

/** @throws where it is not installed. */
export async function load(): Promise<Zeromq> {
  return (await import(PACKAGE)) as Zeromq;
}

/** Where two sockets meet. */
export function address({ folder }: Task, name: string): string {
  return `ipc://${join(folder, name)}`;
}

/** Messages that may wait on either side; zeromq counts messages, not bytes. */
function queueLength({ payloadBytes }: Task): number {
  return Math.min(1000, Math.max(1, Math.ceil(BYTES_UNDER_WAY / payloadBytes)));
}
