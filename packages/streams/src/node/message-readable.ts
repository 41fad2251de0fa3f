import { Readable, type ReadableOptions } from 'node:stream';
import { isDelivery } from '../ends.js';
import type { MessageReader } from '../message-reader.js';
import { DelayedFailure } from './delayed-failure.js';

/** What Node hands to the callback of `_destroy`. */
export type DestroyCallback = (error?: Error | null) => void;

/** A Readable over messages. */
export class MessageReadable extends Readable {
  readonly #reader: MessageReader;
  readonly #failure = new DelayedFailure(this);

  constructor(reader: MessageReader, options: ReadableOptions) {
    super(options);
    this.#reader = reader;
  }

  override _read(): void {
    readOne(this, this.#reader, this.#failure);
  }

  override read(size?: number): unknown {
    return this.#failure.after(super.read(size));
  }

  override _destroy(error: Error | null, callback: DestroyCallback): void {
    if (this.#reader.givesDeliveries) releaseUnread(this);
    settle(this.#reader.end(), error, callback);
  }
}

/** Answers one `_read` with one chunk, with the end, or with an error once everything before it was read. */
export function readOne(stream: Readable, reader: MessageReader, failure: DelayedFailure): void {
  let isThere = false;
  try {
    isThere = reader.readyAtOnce();
    if (isThere) stream.push(reader.take(bufferOf));
  } catch (error) {
    failure.set(error as Error);
    return;
  }
  if (!isThere) void readLater(stream, reader, failure);
}

/** As {@link readOne}, where it has to be waited for. */
async function readLater(
  stream: Readable,
  reader: MessageReader,
  failure: DelayedFailure,
): Promise<void> {
  try {
    const isThere = await reader.ready();
    if (!stream.destroyed) stream.push(isThere ? reader.take(bufferOf) : null);
  } catch (error) {
    if (!stream.destroyed) failure.set(error as Error);
  }
}

/** The consumer's own copy. */
function bufferOf(parts: readonly Uint8Array[]): Buffer {
  return parts.length === 1 ? Buffer.from(parts[0] as Uint8Array) : Buffer.concat(parts);
}

/** Releases the deliveries that a stream had read ahead, and that nobody will take out of it. */
export function releaseUnread(stream: Readable): void {
  // Who is told of data would be told of each that is taken out, and find it released.
  stream.removeAllListeners('data');
  for (let chunk: unknown = stream.read(); chunk !== null; chunk = stream.read()) {
    if (isDelivery(chunk)) chunk.release();
  }
}

/** Calls back when `ending` has settled: with the error that the stream was destroyed with, or else with that of it. */
export function settle(
  ending: Promise<unknown>,
  error: Error | null,
  callback: DestroyCallback,
): void {
  ending.then(
    () => process.nextTick(callback, error),
    (failed: Error) => process.nextTick(callback, error ?? failed),
  );
}
