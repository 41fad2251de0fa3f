import { Readable } from 'node:stream';
import {
  checkDescriptor,
  checkInteger,
  checkWaitOptions,
  invalidArgument,
  type Loan,
  PageferryError,
  type WaitOptions,
  withDeadline,
} from '@pageferry/core';
import { isSink, type MessageSink } from '../ends.js';
import { DescriptorBytes } from './descriptor-bytes.js';
import { ReadableBytes } from './readable-bytes.js';
import { inTurn } from './turns.js';
import { whileLent } from './while-lent.js';

/** Where {@link loanFrom} reads: a Readable of bytes, a descriptor number, or an object that holds one (a `FileHandle`). */
export type ByteSource = Readable | number | { readonly fd: number };

/** What bytes are read out of, for {@link loanFrom}. */
export interface ByteFiller {
  /**
   * Fills `loan` to its end. Resolves to the number of bytes in it: fewer only at the end of the source.
   *
   * @throws the reason of the signal, as soon as it fires: what was read is kept for the next call, if it can be.
   */
  fill(loan: Loan, signal: AbortSignal | undefined): Promise<number>;
  /** Resolves when nothing writes to the loan any more: a thread may, after `fill` has thrown. */
  readonly idle: Promise<void>;
}

/**
 * Reads exactly `byteLength` bytes straight into a loan: frames of a fixed size out of a stream of bytes, such as the
 * standard output of `ffmpeg`. Out of a descriptor the bytes go into the loan without a copy; out of a Readable with
 * one, and nothing is read beyond the frame. Calls for the same source are served in the order in which they were made.
 *
 * @param byteLength from 1 to the transport's `maxMessageBytes`.
 * @returns the loan, filled: yours to send or release. `undefined` at the end of the source.
 * @throws `UNEXPECTED_END` with `bytesTransferred` if the source ends in the middle; `ABORTED`, `TIMEOUT`: what was read
 *   by then is read again by the next call, except out of a bare descriptor number, with which nothing can be kept;
 *   `CLOSED`, within a second if the sink is closed meanwhile; what a Readable fails with; `SYSTEM_CALL_FAILED` (`read`);
 *   `INVALID_ARGUMENT`; and as `loan`. The loan is released, once no thread reads into it any more.
 * @example
 * for (let frame; (frame = await loanFrom(sender, ffmpeg.stdout, 1920 * 1080 * 3)); ) await frame.send();
 */
export async function loanFrom(
  sink: MessageSink,
  source: ByteSource,
  byteLength: number,
  options: WaitOptions = {},
): Promise<Loan | undefined> {
  if (!isSink(sink)) throw invalidArgument('sink', sink, 'a sender or a channel');
  checkInteger('byteLength', byteLength, 1);
  checkWaitOptions(options);
  const filler = fillerOf(source);
  return await withDeadline(
    options,
    (signal) =>
      inTurn(source, signal, async (keepTurnUntil) => {
        try {
          return await fillLoan(await sink.loan(byteLength, { signal }), filler, signal);
        } finally {
          keepTurnUntil(filler.idle);
        }
      }),
    () => `the source has not given ${byteLength} bytes`,
  );
}

async function fillLoan(
  loan: Loan,
  filler: ByteFiller,
  signal: AbortSignal | undefined,
): Promise<Loan | undefined> {
  const { byteLength } = loan;
  let isFull = false;
  try {
    const count = await whileLent(loan, signal, (ending) => filler.fill(loan, ending));
    isFull = count === byteLength;
    if (isFull) return loan;
    if (count === 0) return undefined;
    throw new PageferryError(
      'UNEXPECTED_END',
      `the source has ended after ${count} of ${byteLength} bytes`,
      { bytesTransferred: count },
    );
  } finally {
    // The thread pool may still read into it.
    if (!isFull) void filler.idle.then(() => loan.release());
  }
}

function fillerOf(source: ByteSource): ByteFiller {
  if (isReadable(source)) return new ReadableBytes(source);
  const fd = checkDescriptor('source', source, {
    end: 'readEnd',
    instead: 'pass a Readable, a FileHandle, or what openSync() returned',
  });
  return new DescriptorBytes(fd, typeof source === 'number' ? undefined : source);
}

/** A stream of Node's, or one that looks like it (`readable-stream`). */
function isReadable(source: ByteSource): source is Readable {
  if (source instanceof Readable) return true;
  const { read, unshift } = (source ?? {}) as Partial<Readable>;
  return typeof read === 'function' && typeof unshift === 'function';
}
