import {
  CountQueuingStrategy,
  type ReadableByteStreamController,
  ReadableStream,
  WritableStream,
} from 'node:stream/web';
import type { Bytes } from '@pageferry/core';
import {
  type Channel,
  checkBytes,
  type Delivery,
  invalidArgument,
  type Payload,
} from '@pageferry/core';
import { isChannel, isSink, isSource, type MessageSink, type MessageSource } from '../ends.js';
import { KeptLoans } from '../kept-loans.js';
import { MessageReader } from '../message-reader.js';
import { MessageWriter } from '../message-writer.js';
import {
  checkStreamOptions,
  KNOWN,
  type ToReadableStreamOptions,
  type ToReadableWritablePairOptions,
  type ToWritableStreamOptions,
} from '../options.js';

/** A chunk of a readable stream: a copy, or the delivery itself with `copy: false`. */
export type ReadChunk = Bytes | Delivery;

/**
 * A `ReadableStream` of what a receiver, or a channel, receives. In byte mode it is a byte stream: a reader that brings
 * its own buffer (`getReader({ mode: 'byob' })`) gets the bytes straight into it. Chunks are copies with a buffer of their own.
 *
 * @throws `INVALID_ARGUMENT`. The stream fails as `toReadable` does.
 */
export function toReadableStream(
  source: MessageSource,
  options: ToReadableStreamOptions & { readonly copy: false },
): ReadableStream<Delivery>;
export function toReadableStream(
  source: MessageSource,
  options?: ToReadableStreamOptions,
): ReadableStream<Bytes>;
export function toReadableStream(
  source: MessageSource,
  options?: ToReadableStreamOptions,
): ReadableStream {
  if (!isSource(source)) throw invalidArgument('source', source, 'a receiver or a channel');
  const { options: checked, settings } = checkStreamOptions(options, KNOWN.WEB_READ);
  const reader = new MessageReader(source, settings);
  // One that is cancelled throws away what waits in it, and tells nobody: a delivery would never be released.
  const highWaterMark = settings.copy ? (checked.highWaterMark ?? 0) : 0;
  if (settings.objectMode) {
    return new ReadableStream<ReadChunk>(
      {
        pull: (controller) =>
          pulling(reader, controller, () => controller.enqueue(reader.take(copyOf))),
        cancel: () => reader.end(),
      },
      new CountQueuingStrategy({ highWaterMark }),
    );
  }
  return new ReadableStream(
    {
      type: 'bytes',
      pull: (controller) => pulling(reader, controller, () => fill(reader, controller)),
      cancel: () => reader.end(),
    },
    { highWaterMark },
  );
}

/**
 * A `WritableStream` whose chunks a sender, or a channel, sends, as those of `toWritable`. `close()` is the end,
 * `abort()` tells the other side that there is none. Once it is over, a loan whose `write` rejects is still the caller's.
 *
 * @throws `INVALID_ARGUMENT`. The stream fails as `toWritable` does.
 */
export function toWritableStream(
  sink: MessageSink,
  options?: ToWritableStreamOptions,
): WritableStream<Payload | string> {
  if (!isSink(sink)) throw invalidArgument('sink', sink, 'a sender or a channel');
  const { options: checked, settings } = checkStreamOptions(options, KNOWN.WEB_WRITE);
  const writer = new MessageWriter(sink, settings);
  const { highWaterMark = 1 } = checked;
  const loans = new KeptLoans();
  const stop = (): void => {
    writer.stop();
    loans.stop();
  };
  const end = (): Promise<void> => {
    stop();
    return writer.end();
  };
  const orEnd = async (running: Promise<void>): Promise<void> => {
    try {
      await running;
    } catch (error) {
      await end();
      throw error;
    }
  };
  // What is wrong with a chunk ends the stream as everything else does.
  const write = async (chunk: Payload | string): Promise<void> => {
    loans.forget(chunk);
    if (settings.objectMode) await writer.writeMessage(chunk);
    else await writer.writeBytes(bytesOf(chunk));
  };
  return new WritableStream<Payload | string>(
    {
      start(controller) {
        // A write that waits would have `abort` wait for it.
        const { signal } = controller as unknown as { readonly signal: AbortSignal };
        signal.addEventListener('abort', stop, { once: true });
      },
      write: (chunk) => orEnd(write(chunk)),
      close: async () => {
        await orEnd(writer.finish());
        await end();
      },
      abort: end,
    },
    {
      highWaterMark,
      // Nothing else is told of a chunk before that waits.
      size(chunk) {
        if (settings.objectMode) loans.keep(chunk);
        return 1;
      },
    },
  );
}

/**
 * Both directions of a channel as a pair of Web Streams: what `pipeThrough` takes. The channel is closed once both have
 * ended, and destroyed when either is cancelled or aborted before.
 *
 * @throws `INVALID_ARGUMENT`.
 * @example
 * const answers = request.body.pipeThrough(toReadableWritablePair(channel));
 */
export function toReadableWritablePair(
  channel: Channel,
  options?: ToReadableWritablePairOptions,
): {
  readable: ReadableStream<Bytes>;
  writable: WritableStream<Payload | string>;
} {
  if (!isSource(channel) || !isChannel(channel)) {
    throw invalidArgument('channel', channel, 'a channel');
  }
  const { options: checked } = checkStreamOptions(options, KNOWN.WEB_PAIR);
  const { copy: _, ...common } = checked;
  return {
    readable: toReadableStream(channel, checked),
    writable: toWritableStream(channel, common),
  };
}

/** One `pull`: a chunk, the end, or an error, after which nothing is left open. */
async function pulling(
  reader: MessageReader,
  controller: { close(): void },
  deliver: () => void,
): Promise<void> {
  try {
    if (await reader.ready()) {
      deliver();
      return;
    }
  } catch (error) {
    await reader.end();
    throw error;
  }
  await reader.end();
  controller.close();
  // The read that waits with a buffer of its own gets it back empty.
  (controller as Partial<ReadableByteStreamController>).byobRequest?.respond(0);
}

/** Hands a chunk over: into the reader's own memory, where it has brought some. */
function fill(reader: MessageReader, controller: ReadableByteStreamController): void {
  const request = controller.byobRequest;
  if (request?.view == null) {
    controller.enqueue(reader.take(copyOf) as Uint8Array);
    return;
  }
  const { buffer, byteOffset, byteLength } = request.view;
  request.respond(reader.copyInto(new Uint8Array(buffer, byteOffset, byteLength)));
}

/** In a buffer of its own, which a byte stream may take over. */
function copyOf(parts: readonly Uint8Array[]): Bytes {
  if (parts.length === 1) return new Uint8Array(parts[0] as Uint8Array);
  let byteLength = 0;
  for (const { length } of parts) byteLength += length;
  const { buffer } = Buffer.allocUnsafeSlow(byteLength);
  const bytes = new Uint8Array(buffer);
  let start = 0;
  for (const part of parts) {
    bytes.set(part, start);
    start += part.length;
  }
  return bytes;
}

function bytesOf(chunk: Payload | string): readonly Uint8Array[] {
  return typeof chunk === 'string' ? [Buffer.from(chunk)] : checkBytes('chunk', chunk);
}
