import { randomFillSync } from 'node:crypto';
import type { Channel, Delivery, Loan } from '@pageferry/core';
import {
  AUTOMATIC,
  type BackendChoice,
  openChannel,
  type Servers,
  senderCopies,
  type Way,
} from './backends.js';
import { DemoError } from './errors.js';
import { type Exchange, exchangeInWords } from './exchange.js';
import { linesOfStdin } from './lines.js';
import { middleOf } from './median.js';
import type { Progress } from './progress.js';
import { checkStdin } from './source.js';
import { print } from './stdout.js';
import { readText, writeText } from './text.js';

/** What `demo ask` is told. */
export interface AskOptions {
  readonly backend: BackendChoice;
  readonly endpoint: string;
  /** Servers of a transport between hosts. */
  readonly servers?: Servers;
  /** How long to wait for somebody who listens, in milliseconds. For ever by default. */
  readonly timeout?: number | undefined;
  /** Asks so many questions of its own, which have to be echoed, instead of the lines of standard input. */
  readonly times?: number | undefined;
}

/** What `demo ask` found out. */
export interface AskReport extends Exchange {
  /** The backend that it used. */
  readonly backend: string;
  /** How many questions were answered. */
  readonly questions: number;
}

/** Size of a question of {@link AskOptions.times}. */
export const QUESTION_BYTES = 64;

/** Asks whoever listens at the endpoint, until there is nothing more to ask. */
export async function ask(
  options: AskOptions,
  progress: Progress,
  signal: AbortSignal,
): Promise<AskReport> {
  if (options.times === undefined) checkStdin();
  const way = await connect(options, progress, signal);
  await using channel = way.channel;
  const exchanges: Exchange[] = [];
  try {
    const asking =
      options.times === undefined
        ? askLines(way, progress, signal)
        : askAndCompare(way, options.times, progress);
    for await (const exchange of asking) exchanges.push(exchange);
  } finally {
    progress.stop();
  }
  await channel.close();
  return {
    backend: way.name,
    questions: exchanges.length,
    seconds: middleOf(exchanges, (each) => each.seconds)?.seconds ?? 0,
    bytes: exchanges.reduce((sum, { bytes }) => sum + bytes, 0),
    userSpaceCopies: copiesOnTheWay(way),
  };
}

/** A backend, and the channel over it. */
type Opened = Way & { readonly channel: Channel };

async function connect(
  { backend, endpoint, timeout, servers }: AskOptions,
  progress: Progress,
  signal: AbortSignal,
): Promise<Opened> {
  const over = backend === AUTOMATIC ? 'over what it chooses' : `over ${backend}`;
  progress.note(`Waiting for a listener at ${endpoint}, ${over}`);
  const way = await openChannel(backend, { endpoint, signal, timeout }, servers);
  // Ends whatever waits. In good order: the other side need not take it for a death.
  signal.addEventListener('abort', () => void way.channel.close().catch(() => undefined));
  progress.note(`Asking ${nameOf(way.channel)} over ${way.name}`);
  return way;
}

/** Asks every line of standard input, and prints the answers. */
async function* askLines(
  way: Opened,
  progress: Progress,
  signal: AbortSignal,
): AsyncGenerator<Exchange> {
  const { channel } = way;
  const ending = new AbortController();
  // Whoever waits for a line is to learn of it, too.
  whyItEnds(channel).then((reason) => ending.abort(reason));
  for await (const line of linesOfStdin(AbortSignal.any([signal, ending.signal]))) {
    using question = await channel.loan(Buffer.byteLength(line));
    writeText(line, question.bytes);
    const { answer, exchange } = await askOnce(way, question);
    await print(readText(answer.bytes));
    answer.release();
    progress.note(`  ${exchangeInWords(exchange)}`);
    yield exchange;
  }
}

/** Asks what nobody can guess, and compares the answers with that. */
async function* askAndCompare(
  way: Opened,
  times: number,
  progress: Progress,
): AsyncGenerator<Exchange> {
  const expected = Buffer.alloc(QUESTION_BYTES);
  progress.start(times * QUESTION_BYTES * 2);
  for (let asked = 1; asked <= times; asked++) {
    using question = await way.channel.loan(QUESTION_BYTES);
    question.bytes.set(randomFillSync(expected));
    const { answer, exchange } = await askOnce(way, question);
    const isRight = expected.equals(answer.bytes);
    answer.release();
    if (!isRight) {
      throw new DemoError(
        'ANSWER_DIFFERS',
        `answer ${asked} is not the question: no --echo there?`,
      );
    }
    progress.moved(asked * QUESTION_BYTES * 2);
    yield exchange;
  }
}

async function askOnce(
  way: Opened,
  question: Loan,
): Promise<{ readonly answer: Delivery; readonly exchange: Exchange }> {
  const began = performance.now();
  const answer = await way.channel.request(question);
  const seconds = (performance.now() - began) / 1000;
  const bytes = question.byteLength + answer.byteLength;
  return { answer, exchange: { seconds, bytes, userSpaceCopies: copiesOnTheWay(way) } };
}

/** Both directions are the same: who listens uses the same transport. */
function copiesOnTheWay({ channel, transport }: Opened): number {
  return senderCopies(channel.stats().method) + (transport.capabilities.zeroCopyReceive ? 0 : 1);
}

/** Resolves when the other side answers no more, to the reason. */
async function whyItEnds(channel: Channel): Promise<unknown> {
  try {
    // Who answers has nothing else to say.
    for await (const message of channel) message.release();
    return new DemoError('PEER_LEFT', `${nameOf(channel)} has left, and answers no more`);
  } catch (error) {
    return error;
  }
}

function nameOf({ peer }: Channel): string {
  return peer?.pid === undefined ? 'the other side' : `process ${peer.pid}`;
}
