import type { Delivery, Receiver, Sender } from '@pageferry/core';
import type { Knobs, Task } from '../trials/task.js';
import {
  backendOf,
  endpoints,
  expectSent,
  knobsOf,
  loadTransport,
  receiverOptions,
} from './backend.js';
import {
  ChannelEnded,
  type Listening,
  type ReceivingSide,
  type SendingSide,
  type Write,
} from './channel.js';

const KIBIBYTE = 1024;

/** Messages through a Pageferry backend. */
export async function listen(task: Task): Promise<Listening> {
  const transport = await loadTransport(task);
  const knobs = knobsOf(task);
  const { endpoint, answers } = endpoints(task);
  const sender = await transport.createSender({ endpoint, ...knobs });
  const connected = async () => {
    await sender.waitForReceivers(task.receivers);
    const receiver =
      task.scenario === 'rtt'
        ? await transport.createReceiver({ endpoint: answers, ...receiverOptions(task) })
        : undefined;
    return sendingSide(task, sender, receiver, { ...knobs, sending: sendingOf(task) });
  };
  return { connected };
}

/** The other side of {@link listen}. */
export async function connect(task: Task): Promise<ReceivingSide> {
  const transport = await loadTransport(task);
  const { endpoint, answers } = endpoints(task);
  const sender =
    task.scenario === 'rtt'
      ? await transport.createSender({ endpoint: answers, ...knobsOf(task) })
      : undefined;
  const receiver = await transport.createReceiver({ endpoint, ...receiverOptions(task) });
  await sender?.waitForReceivers();
  return receivingSide(task, receiver, sender);
}

/** What sends through a sender, and sees answers that come through a receiver. */
export function sendingSide(
  { payloadBytes, waiting }: Pick<Task, 'payloadBytes' | 'waiting'>,
  sender: Sender,
  receiver: Receiver | undefined,
  knobs: Knobs,
): SendingSide {
  const looks = looksOf(waiting);
  return {
    get knobs() {
      return { ...knobs, method: sender.stats().method };
    },
    send: (count, write) =>
      knobs['sending'] === 'wait'
        ? sendWaiting(sender, payloadBytes, count, write)
        : sendTrying(sender, payloadBytes, count, write),
    async exchange(count, write, see, answered) {
      const answers = receiver as Receiver;
      for (let index = 0; index < count; index++) {
        const loan = sender.tryLoan(payloadBytes) ?? (await sender.loan(payloadBytes));
        write(loan.bytes);
        if (loan.trySend() !== 'sent') expectSent(await loan.send());
        const delivery = look(answers, looks) ?? (await next(answers, count - index));
        see(delivery.bytes, 0, delivery.byteLength, 0);
        delivery.release();
        answered();
      }
    },
    async close() {
      await receiver?.close();
      await sender.close();
    },
  };
}

/** As the README shows it: each message has left before the next one is written. */
async function sendWaiting(
  sender: Sender,
  payloadBytes: number,
  count: number,
  write: Write,
): Promise<void> {
  for (let index = 0; index < count; index++) {
    const loan = await sender.loan(payloadBytes);
    write(loan.bytes);
    expectSent(await loan.send());
  }
}

/** Without a promise for each message; waits only where the next one cannot be accepted yet. */
async function sendTrying(
  sender: Sender,
  payloadBytes: number,
  count: number,
  write: Write,
): Promise<void> {
  for (let index = 0; index < count; index++) {
    const loan = sender.tryLoan(payloadBytes) ?? (await sender.loan(payloadBytes));
    write(loan.bytes);
    if (loan.trySend() !== 'sent') expectSent(await loan.send());
  }
  await sender.flush();
}

/** What receives through a receiver, and answers through a sender. */
export function receivingSide(
  { payloadBytes, waiting }: Pick<Task, 'payloadBytes' | 'waiting'>,
  receiver: Receiver,
  sender: Sender | undefined,
): ReceivingSide {
  const looks = looksOf(waiting);
  return {
    async receive(count, see) {
      for (let index = 0; index < count; index++) {
        const delivery = receiver.tryReceive() ?? (await next(receiver, count - index));
        see(delivery.bytes, 0, delivery.byteLength, 0);
        delivery.release();
      }
    },
    async moveOn(count, destination) {
      for (let index = 0; index < count; index++) {
        // The object, not its number: what a number stands for would be looked up for each message.
        const result = await receiver.spliceTo(destination);
        if (result === undefined) throw new ChannelEnded(count - index);
        destination.moved(result.byteLength);
      }
    },
    async answer(count, see, write) {
      const answers = sender as Sender;
      for (let index = 0; index < count; index++) {
        const delivery = look(receiver, looks) ?? (await next(receiver, count - index));
        see(delivery.bytes, 0, delivery.byteLength, 0);
        delivery.release();
        const loan = answers.tryLoan(payloadBytes) ?? (await answers.loan(payloadBytes));
        write(loan.bytes);
        if (loan.trySend() !== 'sent') expectSent(await loan.send());
      }
    },
    async close() {
      await sender?.close();
      await receiver.close();
    },
  };
}

/** Who polls looks as often as the program in C does before it gives the processor away. */
function looksOf(waiting: Task['waiting']): number {
  return waiting === 'spinning' ? 1000 : 1;
}

function look(receiver: Receiver, looks: number): Delivery | undefined {
  for (let left = looks; left > 0; left--) {
    const delivery = receiver.tryReceive();
    if (delivery !== undefined) return delivery;
  }
  return undefined;
}

async function next(receiver: Receiver, missing: number): Promise<Delivery> {
  const delivery = await receiver.receive();
  if (delivery === undefined) throw new ChannelEnded(missing);
  return delivery;
}

/** Messages that go through the kernel had better leave one by one, unless they are small. */
function sendingOf(task: Task): 'wait' | 'try' {
  return backendOf(task).throughKernel && task.payloadBytes >= 16 * KIBIBYTE ? 'wait' : 'try';
}
