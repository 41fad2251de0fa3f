import type { DuplexOptions, ReadableOptions, WritableOptions } from 'node:stream';
import {
  checkFlag,
  checkOptionalInteger,
  checkWaitOptions,
  invalidArgument,
  type WaitOptions,
} from '@pageferry/core';

/** How large the pieces are in which bytes are read and written, unless a caller wants others. In bytes. */
export const CHUNK_BYTES: number = 256 * 1024;

/** How long a stream that never has to wait holds the event loop at a stretch, in microseconds. */
export const HELD_MICROSECONDS = 1000;

/** What every stream of this package takes. */
export interface StreamOptions {
  /**
   * True: one chunk is one message, empty ones included. False: the stream is of bytes, and how they were cut into
   * messages does not show. Default: false.
   */
  readonly objectMode?: boolean | undefined;
  /**
   * Whether the stream owns what it stands on (as `autoClose` of `fs.createReadStream`). Default: true, that is:
   *
   * - A receiver is closed when its stream is over, however it is.
   * - A sender is closed at the end of its stream, and destroyed when the stream is destroyed before: receivers then
   *   see `PEER_DIED`, and not an end that is none.
   * - Of a channel the end of what is written is its `finish()`. It is closed once both directions have ended, and
   *   destroyed when a stream over it is destroyed before its end.
   *
   * False: the stream takes and gives messages, and ends nothing. What it has read ahead is lost when it is destroyed:
   * `highWaterMark: 0` has it read nothing ahead.
   */
  readonly autoClose?: boolean | undefined;
  /**
   * The most that a chunk (of what is read) or a message (of what is written) has in byte mode, in bytes: longer ones
   * are cut, and small writes that wait are gathered up to it, as are messages that wait, unless `autoClose` is false.
   * Default: 256 KiB.
   */
  readonly chunkBytes?: number | undefined;
}

/** Options of what is read. */
export interface FromMessagesOptions extends StreamOptions {
  /**
   * False: the chunks are the deliveries themselves, and whoever takes one out of the stream releases it. Nothing is
   * copied, and unreleased ones hold the sender up. Needs `objectMode`, and `autoClose` is false unless it is given: a
   * delivery lives no longer than its receiver. Default: true: each chunk is a copy, the consumer's for ever.
   */
  readonly copy?: boolean | undefined;
}

/** Options of what is written. */
export interface ToMessagesOptions extends StreamOptions {
  /** How many receivers have to be connected before a sender sends the first message. Default: 1. */
  readonly receivers?: number | undefined;
}

/** Options of `toReadable`: those of Node's that say how much is read ahead and how it ends, and this package's. */
export interface ToReadableOptions
  extends FromMessagesOptions,
    Pick<ReadableOptions, 'highWaterMark' | 'encoding' | 'signal'> {}

/** Options of `toWritable`. */
export interface ToWritableOptions
  extends ToMessagesOptions,
    Pick<WritableOptions, 'highWaterMark' | 'defaultEncoding' | 'signal'> {}

/** Options of `toDuplex`. */
export interface ToDuplexOptions
  extends FromMessagesOptions,
    Pick<
      DuplexOptions,
      | 'allowHalfOpen'
      | 'readableHighWaterMark'
      | 'writableHighWaterMark'
      | 'encoding'
      | 'defaultEncoding'
      | 'signal'
    > {}

/** Options of the Web Streams: `highWaterMark` is that of their queuing strategy. */
export interface ToReadableStreamOptions extends FromMessagesOptions {
  /** How much is read ahead, in bytes, or in messages in object mode. Default: 0; always so with `copy: false`. */
  readonly highWaterMark?: number | undefined;
}

/** See {@link ToReadableStreamOptions}. */
export interface ToWritableStreamOptions extends ToMessagesOptions {
  /** How many chunks may wait. Default: 1. */
  readonly highWaterMark?: number | undefined;
}

/** Options of `toReadableWritablePair`. */
export type ToReadableWritablePairOptions = FromMessagesOptions;

/** Options with their defaults. */
export interface StreamSettings {
  readonly objectMode: boolean;
  readonly autoClose: boolean;
  readonly chunkBytes: number;
  readonly copy: boolean;
  readonly receivers: number;
}

const COMMON = ['objectMode', 'autoClose', 'chunkBytes'] as const;
const READ = [...COMMON, 'copy', 'highWaterMark', 'encoding', 'signal'] as const;
const WRITE = [...COMMON, 'receivers', 'highWaterMark', 'defaultEncoding', 'signal'] as const;
const DUPLEX = [
  ...COMMON,
  'copy',
  'allowHalfOpen',
  'readableHighWaterMark',
  'writableHighWaterMark',
  'encoding',
  'defaultEncoding',
  'signal',
] as const;
const WEB_READ = [...COMMON, 'copy', 'highWaterMark'] as const;
const WEB_WRITE = [...COMMON, 'receivers', 'highWaterMark'] as const;
const WEB_PAIR = [...COMMON, 'copy'] as const;

/** The names of the options of each kind of stream. */
export const KNOWN = { READ, WRITE, DUPLEX, WEB_READ, WEB_WRITE, WEB_PAIR };

type AnyOptions = FromMessagesOptions & ToMessagesOptions & Pick<WaitOptions, 'signal'>;

/**
 * Passes the options of a stream.
 *
 * @throws `INVALID_ARGUMENT` for one that does not exist or cannot be used.
 */
export function checkStreamOptions<T extends AnyOptions>(
  options: T | undefined,
  known: readonly string[],
): { readonly options: T; readonly settings: StreamSettings } {
  const checked = checkWaitOptions(options, known as (keyof T & string)[]);
  const objectMode = checkFlag('objectMode', checked.objectMode, false);
  const copy = checkFlag('copy', checked.copy, true);
  if (!copy && !objectMode) throw invalidArgument('copy', false, 'true without objectMode');
  const settings = {
    objectMode,
    copy,
    autoClose: checkFlag('autoClose', checked.autoClose, copy),
    chunkBytes: checkOptionalInteger('chunkBytes', checked.chunkBytes, CHUNK_BYTES, 1),
    receivers: checkOptionalInteger('receivers', checked.receivers, 1, 0),
  };
  return { options: checked, settings };
}

/** Only what is given: Node's streams tell an option that is `undefined` from one that is not there. */
export function given<T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}
