import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import type { Knobs, Task } from '../trials/task.js';
import { ChannelEnded, type ReceivingSide, type See, type SendingSide } from './channel.js';

/**
 * Messages of one length through streams: a socket to each receiver, or a pipe. There are no frames,
 * which a real program would need; and a message is seen in the parts in which it comes.
 *
 * @param answers where the answers come from, in round trips.
 */
export function streamSender(
  { payloadBytes }: Task,
  outs: readonly Writable[],
  answers: Readable | undefined,
  knobs: Knobs,
): SendingSide {
  const next = buffersInTurn(payloadBytes, outs[0]?.writableHighWaterMark ?? 0);
  const source = answers && new MessageSource(answers, payloadBytes);
  // A receiver that has seen everything hangs up, and the end of this side may come after that.
  let failure: Error | undefined;
  for (const out of outs) {
    out.on('error', (error) => {
      failure ??= error;
    });
  }
  return {
    knobs,
    async send(count, write) {
      for (let index = 0; index < count; index++) {
        const message = next();
        write(message);
        const full = outs.filter((out) => !out.write(message));
        if (failure !== undefined) throw failure;
        if (full.length > 0) await Promise.all(full.map((out) => once(out, 'drain')));
      }
    },
    async exchange(count, write, see, answered) {
      for (let index = 0; index < count; index++) {
        const message = next();
        write(message);
        for (const out of outs) out.write(message);
        await source?.see(1, see);
        answered();
      }
    },
    async close() {
      for (const out of outs) out.end();
      source?.end();
    },
  };
}

/** The other side of {@link streamSender}. */
export function streamReceiver(
  { payloadBytes }: Task,
  stream: Readable,
  answers: Writable | undefined,
): ReceivingSide {
  const source = new MessageSource(stream, payloadBytes);
  const next = buffersInTurn(payloadBytes, answers?.writableHighWaterMark ?? 0);
  return {
    receive: (count, see) => source.see(count, see),
    moveOn: (count, destination) =>
      source.see(count, (chunk, start, end) => {
        const bytes = start === 0 && end === chunk.length ? chunk : chunk.subarray(start, end);
        if (destination.write(bytes)) return;
        stream.pause();
        void destination.drained().then(() => stream.resume());
      }),
    async answer(count, see, write) {
      for (let index = 0; index < count; index++) {
        await source.see(1, see);
        const message = next();
        write(message);
        answers?.write(message);
      }
    },
    async close() {
      source.end();
      answers?.end();
    },
  };
}

/** Counts the messages of one length in a stream of bytes. */
class MessageSource {
  readonly #stream: Readable;
  readonly #messageBytes: number;
  /** Chunks that came while nobody wanted messages. */
  readonly #early: Buffer[] = [];
  #offset = 0;
  #missing = 0;
  #see: See = () => {};
  #settle: ((error?: Error) => void) | undefined;
  #ended = false;

  constructor(stream: Readable, messageBytes: number) {
    this.#stream = stream;
    this.#messageBytes = messageBytes;
    stream.on('data', (chunk: Buffer) => {
      if (this.#missing === 0) this.#early.push(chunk);
      else this.#take(chunk);
    });
    const end = () => {
      this.#ended = true;
      this.#settle?.(new ChannelEnded(this.#missing));
    };
    stream.once('end', end);
    stream.once('error', end);
  }

  see(count: number, see: See): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#missing = count;
      this.#see = see;
      this.#settle = (error) => (error ? reject(error) : resolve());
      while (this.#missing > 0 && this.#early.length > 0) {
        this.#take(this.#early.shift() as Buffer);
      }
      if (this.#missing > 0 && this.#ended) reject(new ChannelEnded(this.#missing));
    });
  }

  end(): void {
    this.#stream.destroy();
  }

  #take(chunk: Buffer): void {
    for (let start = 0; start < chunk.length; ) {
      const end = Math.min(chunk.length, start + this.#messageBytes - this.#offset);
      this.#see(chunk, start, end, this.#offset);
      this.#offset += end - start;
      start = end;
      if (this.#offset < this.#messageBytes) continue;
      this.#offset = 0;
      if (--this.#missing > 0) continue;
      if (start < chunk.length) this.#early.push(chunk.subarray(start));
      this.#settle?.();
      return;
    }
  }
}

/**
 * Buffers in turn, and enough of them that each has left before it is written again: a stream that
 * takes no more waits until it is empty, so that it never holds more than it may and one message.
 */
function buffersInTurn(byteLength: number, highWaterMark: number): () => Buffer {
  const count = Math.ceil(highWaterMark / byteLength) + 2;
  const buffers = Array.from({ length: count }, () => Buffer.alloc(byteLength));
  let turn = 0;
  return () => {
    turn = (turn + 1) % count;
    return buffers[turn] as Buffer;
  };
}
