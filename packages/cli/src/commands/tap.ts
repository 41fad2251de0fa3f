import { clock, isPageferryError, PageferryError, pauseFor, type Receiver } from '@pageferry/core';
import { openBestReceiver } from '@pageferry/doctor';
import { sharedMmap } from '@pageferry/shared-mmap';
import type { ParsedArguments } from '../command/parse.js';
import { type CommandContext, type Run, STATUS } from '../command/spec.js';
import { behindOf, type Look, Looker } from '../look/look.js';
import { bytesInWords, countInWords, printable, rateInWords } from '../text/format.js';
import { hexdump } from '../text/hexdump.js';

/** The most messages that may wait for a tap. */
const MOST = 1000;

/** `pageferry tap`. */
export const run: Run = async (parsed, context) => {
  const tap = new Tap(parsed, context);
  try {
    await tap.begin();
    return await tap.follow();
  } catch (error) {
    if (context.signal.aborted) return STATUS.done;
    throw error;
  } finally {
    await tap.end();
  }
};

/** What is shown of a message. */
interface Taken {
  readonly sequence: number;
  readonly tag: number;
  readonly byteLength: number;
  /** Its first bytes. */
  readonly bytes: Buffer;
}

/** Shows rates each interval, and the first messages of it. */
class Tap {
  readonly #context: CommandContext;
  readonly #endpoint: string;
  readonly #isJson: boolean;
  readonly #bytes: number;
  readonly #sample: number;
  readonly #interval: number;
  readonly #mayWait: boolean;
  #left: number;
  readonly #looker: Looker;
  #receiver: Receiver | undefined;
  #mayMiss = true;

  constructor(parsed: ParsedArguments, context: CommandContext) {
    this.#context = context;
    this.#endpoint = parsed.positionals[0] as string;
    this.#isJson = parsed.has('json');
    this.#bytes = parsed.integer('bytes', 64, 0);
    this.#sample = parsed.integer('sample', 8, 0, MOST);
    this.#interval = parsed.number('interval', 1000, 10);
    this.#left = parsed.integer('count', Number.MAX_SAFE_INTEGER, 1);
    this.#mayWait = parsed.has('wait');
    this.#looker = new Looker(Math.max(1000, this.#interval));
  }

  /** @throws `PageferryError` where there is nothing to tap. */
  async begin(): Promise<void> {
    const { state, transport, side, why = '', code } = await this.#look();
    const name = this.#endpoint;
    if (state === 'closed') throw new PageferryError('PEER_DIED', `nobody listens at ${name}`);
    if (transport === undefined) throw new PageferryError(code ?? 'NOT_PAGEFERRY', why);
    if (side === 'listener') {
      const words = `${name} is a listener of channels, each of which is between two: there is nothing to tap`;
      throw new PageferryError('NOT_SUPPORTED', words);
    }
    this.#mayMiss = transport === 'shared-mmap';
    if (this.#mayMiss || this.#mayWait) return;
    const words = `receivers of the transport ${transport} cannot miss messages: a tap could hold up the sender, and does so only with --wait`;
    throw new PageferryError('NOT_SUPPORTED', words);
  }

  /** Until the sender ends, or the command does. */
  async follow(): Promise<number> {
    const { signal } = this.#context;
    for (let isFirst = true; this.#left > 0; isFirst = false) {
      const until = clock.now() + this.#interval;
      // A moment after it has begun there is nothing to compare with.
      const look = isFirst ? undefined : await this.#look();
      const isGone = look?.state === 'closed' && this.#receiver === undefined;
      if (look !== undefined && !isGone) await this.#showRates(look);
      const outcome = isGone ? 'ended' : await this.#showMessages(until);
      if (outcome === 'ended') {
        this.#context.say('the sender has closed');
        return STATUS.done;
      }
      if (this.#left === 0) break;
      const rest = until - clock.now();
      if (rest > 0) await pauseFor(rest, signal);
    }
    return STATUS.done;
  }

  /** Leaves the sender. */
  async end(): Promise<void> {
    await this.#receiver?.close();
    this.#receiver = undefined;
  }

  async #look(): Promise<Look> {
    const found = { endpoint: this.#endpoint, name: this.#endpoint, isAskedFor: true };
    const [look] = await this.#looker.look([found], this.#context.signal);
    return look as Look;
  }

  async #open(): Promise<Receiver> {
    const { signal } = this.#context;
    const endpoint = this.#endpoint;
    // What was open a moment ago does not answer for ever if it has closed since.
    const limits = { endpoint, signal, timeout: 10_000 };
    if (!this.#mayMiss) return (await openBestReceiver({ ...limits, warn: false })).receiver;
    const queueDepth = Math.max(1, this.#sample);
    return sharedMmap.createReceiver({ ...limits, whenBehind: 'drop-newest', queueDepth });
  }

  /** `enough` where more may come than is to be shown. */
  async #showMessages(until: number): Promise<'ended' | 'enough' | 'all'> {
    if (this.#sample === 0) return 'enough';
    this.#receiver ??= await this.#open();
    for (let room = Math.min(this.#sample, this.#left); room > 0; ) {
      const taken = await this.#take(this.#receiver, room, until);
      if (typeof taken === 'string') return taken;
      room -= taken.length;
      this.#left -= taken.length;
      // Before anything is written: each message that comes meanwhile costs the sender something.
      if (room === 0) await this.end();
      for (const message of taken) await this.#show(message);
    }
    return 'enough';
  }

  /** Copies the beginnings of messages, and gives them back at once. */
  async #take(
    receiver: Receiver,
    most: number,
    until: number,
  ): Promise<readonly Taken[] | 'ended' | 'all'> {
    const timeout = Math.max(0, Math.ceil(until - clock.now()));
    const { signal } = this.#context;
    try {
      const found = await receiver.receiveMany(most, { signal, timeout });
      const taken = found.map(({ sequence, tag, byteLength, bytes }) => {
        return { sequence, tag, byteLength, bytes: Buffer.from(bytes.subarray(0, this.#bytes)) };
      });
      for (const delivery of found) delivery.release();
      return taken.length === 0 ? 'ended' : taken;
    } catch (error) {
      if (isPageferryError(error, 'TIMEOUT')) return 'all';
      throw error;
    }
  }

  async #show({ sequence, tag, byteLength, bytes }: Taken): Promise<void> {
    if (this.#isJson) {
      const data = { data: bytes.toString('base64'), isCut: bytes.length < byteLength };
      const message = { type: 'message', sequence, tag, byteLength, ...data };
      await this.#context.write(`${JSON.stringify(message)}\n`);
      return;
    }
    const more = bytes.length < byteLength && bytes.length > 0 ? ', the first of them' : '';
    const head = `#${sequence}  ${byteLength} bytes${more}${tag === 0 ? '' : `  tag ${tag}`}\n`;
    await this.#context.write(bytes.length === 0 ? head : `${head}${hexdump(bytes)}\n`);
  }

  async #showRates(look: Look): Promise<void> {
    const { report, messagesPerSecond, bytesPerSecond } = look;
    const average = messagesPerSecond ? (bytesPerSecond ?? 0) / messagesPerSecond : undefined;
    if (this.#isJson) {
      const rates = {
        type: 'rates',
        messagesPerSecond,
        bytesPerSecond,
        averageBytes: average,
        messagesSent: report?.counters.messagesSent,
        peerCount: report?.peerCount,
        messagesBehind: behindOf(look),
      };
      await this.#context.write(`${JSON.stringify(rates)}\n`);
      return;
    }
    if (report === undefined) {
      await this.#context.write(`no rates: ${printable(look.why ?? look.state)}\n`);
      return;
    }
    const words = [
      `${rateInWords(messagesPerSecond)} messages/s`,
      `${bytesInWords(bytesPerSecond ?? 0)}/s`,
      ...(average === undefined ? [] : [`${bytesInWords(average)} each`]),
      `${report.peerCount} receiving`,
      `${countInWords(behindOf(look) ?? 0)} behind`,
    ];
    await this.#context.write(`${words.join(', ')}\n`);
  }
}
