import {
  type Channel,
  type ChannelDelivery,
  isPageferryError,
  type Listener,
} from '@pageferry/core';
import { type BackendChoice, openListener, type Servers } from './backends.js';
import { describe } from './errors.js';
import type { Progress } from './progress.js';
import { print } from './stdout.js';
import { answeredInWords } from './summary.js';
import { readText, writeText } from './text.js';

/** What `demo ask --listen` is told. */
export interface AnswerOptions {
  readonly backend: BackendChoice;
  readonly endpoint: string;
  /** Servers of a transport between hosts. */
  readonly servers?: Servers;
  /** Answers each question with itself, and prints none. */
  readonly echo?: boolean | undefined;
  /** Ends when the first process that has come has left. */
  readonly once?: boolean | undefined;
}

/** What `demo ask --listen` did. */
export interface AnswerReport {
  /** The backend that it used. */
  readonly backend: string;
  /** How many questions it has answered. */
  readonly questions: number;
  /** How many processes have come. */
  readonly askers: number;
}

/** Answers all questions of all who come, until it is told to end. */
export async function answer(
  { backend, endpoint, echo, once, servers }: AnswerOptions,
  progress: Progress,
  signal: AbortSignal,
): Promise<AnswerReport> {
  const { listener, name, reasons } = await openListener(backend, { endpoint }, servers);
  await using _closing = listener;
  signal.throwIfAborted();
  // Ends whatever waits. In good order: what was answered still gets there.
  signal.addEventListener('abort', () => void listener.close().catch(() => undefined));
  for (const reason of reasons) progress.note(reason);
  progress.note(`Answering at ${endpoint}, over ${name}`);
  const askers = watchAskers(listener, progress);

  let questions = 0;
  const report = () => ({ backend: name, questions, askers: askers.count });
  try {
    await using first = once ? await listener.accept() : undefined;
    for await (using question of first ?? listener) {
      if (!question.isRequest) continue; // Whoever sent it waits for nothing.
      const isSent = await (echo ? reflect(question) : raiseVoice(question, questions + 1));
      if (isSent) questions++;
      // Whoever has asked need not wait for that.
      if (!echo) await print(`${askers.nameOf(question.channel)}: ${readText(question.bytes)}`);
    }
  } catch (error) {
    // To be interrupted is the usual end.
    if (signal.aborted) progress.note(answeredInWords(report()));
    throw error;
  }
  return report();
}

/** Answers with the question itself. */
function reflect(question: ChannelDelivery): Promise<boolean> {
  return reply(question, question.byteLength, (memory) => memory.set(question.bytes));
}

/** Answers with the question in capitals, and with who says so for the how-manieth time. */
function raiseVoice(question: ChannelDelivery, count: number): Promise<boolean> {
  const said = new TextDecoder().decode(question.bytes).toUpperCase();
  const text = `${said} (answer ${count} of process ${process.pid})`;
  return reply(question, Buffer.byteLength(text), (memory) => writeText(text, memory));
}

/** Resolves to false if whoever has asked is gone, which the listener tells of. */
async function reply(
  question: ChannelDelivery,
  byteLength: number,
  write: (memory: Uint8Array) => void,
): Promise<boolean> {
  try {
    using loan = await question.channel.loan(byteLength);
    write(loan.bytes);
    return (await question.respond(loan)) === 'sent';
  } catch (error) {
    if (isPageferryError(error) && /^(CLOSED|PEER_.*)$/.test(error.code)) return false;
    throw error;
  }
}

/** Who has come to a listener. */
interface Askers {
  readonly count: number;
  nameOf(channel: Channel): string;
}

/** Says who comes and who leaves. */
function watchAskers(listener: Listener, progress: Progress): Askers {
  let count = 0;
  const names = new WeakMap<Channel, string>();
  const nameOf = (channel: Channel): string => names.get(channel) ?? 'somebody';
  listener.on('join', (channel) => {
    count++;
    const { pid } = channel.peer ?? {};
    names.set(channel, pid === undefined ? `asker ${count}` : `process ${pid}`);
    progress.note(`${nameOf(channel)} has come`);
  });
  listener.on('leave', (channel, reason) => {
    if (listener.closed) return; // It is this process that leaves.
    progress.note(`${nameOf(channel)} ${howItLeft(reason)}`);
  });
  return {
    get count() {
      return count;
    },
    nameOf,
  };
}

function howItLeft(reason: unknown): string {
  if (reason === undefined) return 'has left';
  return isPageferryError(reason, 'PEER_DIED') ? 'has died' : `is gone: ${describe(reason)}`;
}
