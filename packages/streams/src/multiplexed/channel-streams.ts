import { EventEmitter } from 'node:events';
import {
  asyncDispose,
  type Channel,
  checkFlag,
  checkInteger,
  checkOptionalInteger,
  checkOptions,
  decodeError,
  encodeError,
  invalidArgument,
  PageferryError,
} from '@pageferry/core';
import { isChannel, isSource, nobodyReceives } from '../ends.js';
import { ChannelStream, type StreamOwner } from './channel-stream.js';
import {
  FRAME,
  INITIAL_WINDOW,
  indexOf,
  LONGEST_TEXT,
  NUMBERS,
  type Opening,
  readCredit,
  readOpening,
  readTag,
  type StreamKey,
  tagOf,
} from './frames.js';

/** Options of {@link createStreams}. */
export interface StreamsOptions {
  /**
   * How many bytes of each stream may have come that its consumer has not read. From 64 KiB; one message more in object
   * mode. Default: 256 KiB.
   */
  readonly windowBytes?: number | undefined;
  /** How many streams the other side may have open at once; one too many fails there. Default: 1024. */
  readonly maxStreams?: number | undefined;
  /** Whether the channel is closed with the streams. Default: true. */
  readonly autoClose?: boolean | undefined;
}

/** Options of {@link ChannelStreams.open}. */
export interface OpenOptions {
  /** What the other side gets as `stream.metadata`: anything that JSON can carry, up to 64 KiB with the name. */
  readonly metadata?: unknown;
  /** One chunk is one message, on both sides. Default: false. */
  readonly objectMode?: boolean | undefined;
  /** False: this side only writes (an upload), and the other one only reads. Default: true. */
  readonly readable?: boolean | undefined;
  /** False: this side only reads (a download). Default: true. */
  readonly writable?: boolean | undefined;
}

/** How many answers to streams that were not taken may wait. */
const MOST_REFUSALS = 1024;

const ignore = (): void => undefined;

const OPTIONS = ['windowBytes', 'maxStreams', 'autoClose'] as const;
const OPEN_OPTIONS = ['metadata', 'objectMode', 'readable', 'writable'] as const;

/**
 * Any number of streams over one channel. The other side does the same, and the channel is theirs alone: what else
 * comes over it breaks the protocol, and questions are not answered.
 *
 * @throws `INVALID_ARGUMENT`.
 * @example
 * const streams = createStreams(channel);
 * await pipeline(request, streams.open('upload', { metadata: { type: 'image/png' }, readable: false }));
 * // on the other side
 * for await (const stream of createStreams(channel)) save(stream);
 */
export function createStreams(channel: Channel, options?: StreamsOptions): ChannelStreams {
  if (!isSource(channel) || !isChannel(channel)) {
    throw invalidArgument('channel', channel, 'a channel');
  }
  const checked = checkOptions(options, OPTIONS);
  return new ChannelStreams(channel, {
    windowBytes: checkOptionalInteger(
      'windowBytes',
      checked.windowBytes,
      4 * INITIAL_WINDOW,
      INITIAL_WINDOW,
      0x7fffffff,
    ),
    maxStreams: checkOptionalInteger('maxStreams', checked.maxStreams, 1024, 0),
    autoClose: checkFlag('autoClose', checked.autoClose, true),
  });
}

interface Settings {
  readonly windowBytes: number;
  readonly maxStreams: number;
  readonly autoClose: boolean;
}

/**
 * The streams of one side of a channel. Incoming ones are told by the event `'stream'`, or by iterating; until then they
 * wait. `'close'` says that all is over. Disposable with `await using`, as {@link close}.
 */
export class ChannelStreams
  extends EventEmitter<{ stream: [ChannelStream]; close: [] }>
  implements AsyncDisposable, AsyncIterable<ChannelStream>
{
  readonly #channel: Channel;
  readonly #settings: Settings;
  readonly #owner: StreamOwner;
  readonly #streams = new Map<number, ChannelStream>();
  /** Those that nobody has asked for yet. */
  readonly #incoming: ChannelStream[] = [];
  readonly #stop = new AbortController();
  #next = 0;
  #theirs = 0;
  /** Answers that have not left. */
  #refusals = 0;
  #isClosing = false;
  /** Set once nothing can come any more: why, or `undefined` for an orderly end. */
  #over: { readonly error: Error | undefined } | undefined;
  readonly #running: Promise<void>;
  #wake: (() => void)[] = [];

  /** See {@link createStreams}. */
  constructor(channel: Channel, settings: Settings) {
    super();
    this.#channel = channel;
    this.#settings = settings;
    this.#owner = {
      windowBytes: settings.windowBytes,
      send: (kind, key, payload) => this.#send(kind, key, payload),
      forget: (stream) => this.#forget(stream),
    };
    this.#running = this.#run();
    // The types of an emitter with events of its own do not have this one.
    const onListener = (event: string): void => {
      if (event === 'stream') process.nextTick(() => this.#tellIncoming());
    };
    (this as EventEmitter).on('newListener', onListener);
  }

  /** How many streams are open, of both sides. */
  get size(): number {
    return this.#streams.size;
  }

  /** True once {@link close} or {@link destroy} was called, or the channel is over. */
  get closed(): boolean {
    return this.#isClosing || this.#over !== undefined;
  }

  /**
   * Opens a stream. It may be written to at once; nothing is waited for.
   *
   * @param name what the other side gets as `stream.name`.
   * @throws `INVALID_ARGUMENT`, `CLOSED`. The stream fails with `STREAM_RESET` if the other side gives it up, or has as
   *   many as it takes; with `PEER_DIED` if that is gone.
   */
  open(name: string, options: OpenOptions = {}): ChannelStream {
    if (typeof name !== 'string') throw invalidArgument('name', name, 'a string');
    const checked = checkOptions(options, OPEN_OPTIONS);
    const reads = checkFlag('readable', checked.readable, true);
    const writes = checkFlag('writable', checked.writable, true);
    if (!reads && !writes) throw invalidArgument('writable', false, 'true where readable is false');
    const objectMode = checkFlag('objectMode', checked.objectMode, false);
    if (this.closed) throw new PageferryError('CLOSED', 'these streams are closed');
    const opening: Opening = { name, metadata: checked.metadata, objectMode, reads, writes };
    const payload = openingBytes(opening);
    const stream = this.#add({ number: this.#freeNumber(), isOurs: true }, opening);
    this.#send(FRAME.OPEN, stream.key, [payload]).catch((error: Error) =>
      stream.takeFailure(error),
    );
    stream.grant();
    return stream;
  }

  /** Yields incoming streams. Ends with {@link close}, or when the other side has closed; throws what ends the channel. */
  async *[Symbol.asyncIterator](): AsyncGenerator<ChannelStream, undefined, undefined> {
    for (;;) {
      const stream = this.#takeIncoming();
      if (stream !== undefined) {
        yield stream;
        continue;
      }
      if (this.#over?.error !== undefined && !this.#isClosing) throw this.#over.error;
      if (this.closed) return;
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  /**
   * Orderly end: opens no more streams, refuses those of the other side, waits until all that are open have ended, and
   * closes the channel.
   */
  async close(): Promise<void> {
    this.#isClosing = true;
    for (const stream of this.#incoming.splice(0)) stream.destroy();
    this.#wakeAll();
    while (this.#streams.size > 0) {
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
    if (this.#settings.autoClose) await this.#channel.close();
    this.#stop.abort();
    await this.#running;
  }

  /**
   * Ends at once: all streams fail with `error`, and the channel is destroyed.
   *
   * @param error Default: `CLOSED`.
   */
  async destroy(error?: Error): Promise<void> {
    this.#isClosing = true;
    const why = error ?? new PageferryError('CLOSED', 'these streams were destroyed');
    for (const stream of [...this.#streams.values()]) {
      // With none of these frames sent nothing would tell the other side, where the channel stays.
      if (this.#settings.autoClose) stream.takeFailure(why);
      else stream.destroy(why);
    }
    if (this.#settings.autoClose) await this.#channel.destroy();
    this.#stop.abort();
    await this.#running;
  }

  [asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Takes frames until the channel is over. It never waits for a stream, so that none holds up another. */
  async #run(): Promise<void> {
    const { signal } = this.#stop;
    let error: Error | undefined;
    try {
      for (;;) {
        const delivery = this.#channel.tryReceive() ?? (await this.#channel.receive({ signal }));
        if (delivery === undefined) break;
        try {
          this.#take(delivery.tag, delivery.bytes);
        } finally {
          delivery.release();
        }
      }
    } catch (failed) {
      // Of its own end nothing is to be told. The other side may die before that comes.
      if (!signal.aborted) error = failed as Error;
    }
    await this.#end(error);
  }

  async #end(error: Error | undefined): Promise<void> {
    this.#over = { error };
    const why =
      error ??
      new PageferryError(
        'STREAM_RESET',
        'the other side has closed the channel before the stream has ended',
      );
    for (const stream of [...this.#streams.values()]) {
      // After an orderly end the other side may still receive.
      const goesOn = error === undefined ? !stream.isAwaitingData : stream.isComplete;
      if (goesOn) stream.takeLastCredit(why);
      else stream.takeFailure(why);
    }
    this.#wakeAll();
    if (this.#settings.autoClose && !this.#isClosing) {
      if (error !== undefined) await this.#channel.destroy();
      else await this.#closeIfOver();
    }
    this.emit('close');
  }

  /** @throws `PEER_MISBEHAVED`. */
  #take(tag: number, bytes: Uint8Array): void {
    const { kind, ...key } = readTag(tag);
    if (kind === FRAME.OPEN) {
      this.#takeOpening(key, bytes);
      return;
    }
    const stream = this.#streams.get(indexOf(key));
    if (kind > FRAME.CREDIT) throw misbehaved(`a frame of kind ${kind}`);
    // It was given up here, and the other side does not know it yet.
    if (stream === undefined) return;
    if (kind === FRAME.DATA) {
      if (!stream.takeData(Buffer.from(bytes)))
        throw misbehaved('more than it was allowed to send');
    } else if (kind === FRAME.END) {
      if (!stream.takeEnd()) throw misbehaved('a second end of a stream');
    } else if (kind === FRAME.RESET) {
      if (bytes.length > LONGEST_TEXT) throw misbehaved('an error that is too long');
      stream.takeReset(bytes.length === 0 ? undefined : decodeError(bytes));
    } else {
      const count = readCredit(bytes);
      if (count === undefined || !stream.takeCredit(count))
        throw misbehaved('a credit that is none');
    }
  }

  #takeOpening(key: StreamKey, bytes: Uint8Array): void {
    if (key.isOurs || this.#streams.has(indexOf(key))) throw misbehaved('a stream that is open');
    let opening: Opening;
    try {
      opening = readOpening(bytes);
    } catch {
      throw misbehaved('a stream without a name');
    }
    if (this.#isClosing || this.#theirs >= this.#settings.maxStreams) {
      const why = this.#isClosing ? 'no more streams are taken' : 'too many streams are open';
      this.#refuse(key, why);
      return;
    }
    const stream = this.#add(key, opening);
    this.#theirs++;
    stream.grant();
    // It may fail before anybody knows it.
    this.#incoming.push(stream.on('error', ignore));
    this.#tellIncoming();
    this.#wakeAll();
  }

  /** @throws `PEER_MISBEHAVED` for a side that opens and opens, and does not take the answers. */
  #refuse(key: StreamKey, why: string): void {
    if (this.#refusals >= MOST_REFUSALS) throw misbehaved('more streams than it takes answers to');
    this.#refusals++;
    const answered = (): void => {
      this.#refusals--;
    };
    this.#send(FRAME.RESET, key, [encodeError(new Error(why))]).then(answered, answered);
  }

  #add(key: StreamKey, opening: Opening): ChannelStream {
    const stream = new ChannelStream(this.#owner, key, opening);
    this.#streams.set(indexOf(key), stream);
    return stream;
  }

  #forget(stream: ChannelStream): void {
    if (!this.#streams.delete(indexOf(stream.key))) return;
    if (!stream.key.isOurs) this.#theirs--;
    this.#wakeAll();
    void this.#closeIfOver();
  }

  /** After the orderly end of the other side, what is still written goes on; then the channel is closed. */
  async #closeIfOver(): Promise<void> {
    const isOver = this.#over !== undefined && this.#streams.size === 0;
    if (isOver && this.#settings.autoClose && !this.#isClosing) await this.#channel.close();
  }

  #tellIncoming(): void {
    if (this.listenerCount('stream') === 0) return;
    for (let stream = this.#takeIncoming(); stream !== undefined; stream = this.#takeIncoming()) {
      try {
        this.emit('stream', stream);
      } catch (error) {
        // As that of any other listener; the other streams go on.
        process.nextTick(() => {
          throw error;
        });
      }
    }
  }

  /** The next incoming stream that was not given up before anybody has asked for it. */
  #takeIncoming(): ChannelStream | undefined {
    for (;;) {
      const stream = this.#incoming.shift();
      if (stream?.destroyed) continue;
      return stream?.off('error', ignore);
    }
  }

  #freeNumber(): number {
    let number = this.#next;
    while (this.#streams.has(indexOf({ number, isOurs: true }))) number = (number + 1) % NUMBERS;
    this.#next = (number + 1) % NUMBERS;
    return number;
  }

  async #send(kind: number, key: StreamKey, payload: readonly Uint8Array[]): Promise<void> {
    const outcome = await this.#channel.send(payload, { tag: tagOf(kind, key) });
    if (outcome !== 'sent') throw nobodyReceives();
  }

  #wakeAll(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}

/** @throws `INVALID_ARGUMENT` for what JSON cannot carry, or is too long. */
function openingBytes(opening: Opening): Uint8Array {
  let text: string;
  try {
    text = JSON.stringify(opening);
  } catch {
    throw invalidArgument('metadata', opening.metadata, 'what JSON can carry');
  }
  const bytes = Buffer.from(text);
  checkInteger('byteLength of name and metadata', bytes.length, 0, LONGEST_TEXT);
  return bytes;
}

function misbehaved(what: string): PageferryError {
  return new PageferryError('PEER_MISBEHAVED', `the other side of the streams has sent ${what}`);
}
