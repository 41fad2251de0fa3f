import { addAbortSignal, type Duplex, type Readable, type Writable } from 'node:stream';
import { type Channel, invalidArgument } from '@pageferry/core';
import { isChannel, isSink, isSource, type MessageSink, type MessageSource } from '../ends.js';
import { MessageReader } from '../message-reader.js';
import { MessageWriter } from '../message-writer.js';
import {
  checkStreamOptions,
  given,
  KNOWN,
  type StreamSettings,
  type ToDuplexOptions,
  type ToReadableOptions,
  type ToWritableOptions,
} from '../options.js';
import { MessageDuplex } from './message-duplex.js';
import { MessageReadable } from './message-readable.js';
import { MessageWritable } from './message-writable.js';

/**
 * How many messages wait in a stream of object mode, unless the caller wants more. Messages may be large; what waits
 * before or behind the stream waits in the pool.
 */
const MESSAGES_AHEAD = 1;

/**
 * A Readable of what a receiver, or a channel, receives. Chunks are copies, the consumer's for ever: a Readable is not
 * told when somebody is done with a chunk. See `pipeTo` for the way without a copy.
 *
 * @throws `INVALID_ARGUMENT`. The stream fails with what `receive` throws (`PEER_DIED`, …), after everything that had
 *   arrived whole was read.
 * @example
 * await pipeline(toReadable(receiver), createGzip(), createWriteStream('arrived.gz'));
 */
export function toReadable(source: MessageSource, options?: ToReadableOptions): Readable {
  if (!isSource(source)) throw invalidArgument('source', source, 'a receiver or a channel');
  const { options: checked, settings } = checkStreamOptions(options, KNOWN.READ);
  const { highWaterMark, encoding, signal } = checked;
  checkEncoding(settings, encoding);
  const stream = new MessageReadable(new MessageReader(source, settings), {
    objectMode: settings.objectMode,
    ...given({ highWaterMark: highWaterMark ?? ahead(settings), encoding }),
  });
  return until(signal, stream);
}

/**
 * A Writable whose chunks a sender, or a channel, sends. Bytes are copied once, into a loan, before the callback of
 * `write`; small writes that wait are gathered into one message, and none waits for another. In object mode a chunk
 * is a message: bytes, an array of them, a string, or a loan of this sender, which is not copied, and is the stream's
 * from `write` on.
 *
 * A sender waits for its first receiver.
 *
 * @throws `INVALID_ARGUMENT`. The stream fails with `PEER_DIED` if nobody receives any more, and with what `send` throws.
 * @example
 * await pipeline(createReadStream('picture.raw'), toWritable(sender));
 */
export function toWritable(sink: MessageSink, options?: ToWritableOptions): Writable {
  if (!isSink(sink)) throw invalidArgument('sink', sink, 'a sender or a channel');
  const { options: checked, settings } = checkStreamOptions(options, KNOWN.WRITE);
  const { highWaterMark, defaultEncoding, signal } = checked;
  const stream = new MessageWritable(new MessageWriter(sink, settings), {
    objectMode: settings.objectMode,
    highWaterMark: highWaterMark ?? ahead(settings) ?? settings.chunkBytes,
    ...given({ defaultEncoding }),
  });
  return until(signal, stream);
}

/**
 * A Duplex over both directions of a channel. Its end is `finish()`: the other side may go on to send. Destroyed
 * before both have ended, it destroys the channel, so that the other side sees `PEER_DIED`.
 *
 * @throws `INVALID_ARGUMENT`. The stream fails as those of {@link toReadable} and {@link toWritable}.
 * @example
 * await pipeline(createReadStream('in.txt'), toDuplex(channel), createWriteStream('answer.txt'));
 */
export function toDuplex(channel: Channel, options?: ToDuplexOptions): Duplex {
  if (!isSource(channel) || !isChannel(channel)) {
    throw invalidArgument('channel', channel, 'a channel');
  }
  const { options: checked, settings } = checkStreamOptions(options, KNOWN.DUPLEX);
  const { objectMode, chunkBytes } = settings;
  const { allowHalfOpen, readableHighWaterMark, writableHighWaterMark } = checked;
  const { encoding, defaultEncoding, signal } = checked;
  checkEncoding(settings, encoding);
  const stream = new MessageDuplex(channel, settings, {
    objectMode,
    writableHighWaterMark: writableHighWaterMark ?? ahead(settings) ?? chunkBytes,
    ...given({ readableHighWaterMark: readableHighWaterMark ?? ahead(settings), allowHalfOpen }),
    ...given({ encoding, defaultEncoding }),
  });
  return until(signal, stream);
}

/** Has a signal destroy the stream. Node's own option may destroy it in its constructor, before it knows what it stands on. */
function until<S extends Readable | Writable>(signal: AbortSignal | undefined, stream: S): S {
  if (signal !== undefined) addAbortSignal(signal, stream);
  return stream;
}

/** @throws `INVALID_ARGUMENT`: a delivery is no text. */
function checkEncoding({ copy }: StreamSettings, encoding: string | undefined): void {
  if (!copy && encoding !== undefined) {
    throw invalidArgument('encoding', encoding, 'left out with copy: false');
  }
}

/** How many messages wait in a stream; how many bytes is Node's to say, or the caller's. */
function ahead({ objectMode }: StreamSettings): number | undefined {
  return objectMode ? MESSAGES_AHEAD : undefined;
}
