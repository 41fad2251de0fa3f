import { runForNumbers } from './programs.js';
import type { Quantiles } from './statistics.js';

/** What the pipe of `pipe_limit` holds. */
const PIPE_BYTES = 1024 * 1024;

/** What `limit/pipe_limit.c` has to do. */
export interface PipeWork {
  /** Whether the receiver splices messages to `/dev/null`, or reads them into memory. */
  readonly receive: 'splice' | 'read';
  readonly messageBytes: number;
  readonly pieceBytes: number;
  /** Rounded down to whole messages. */
  readonly totalBytes: number;
  /** Send the same pages over and over, as no program with new data could. */
  readonly oneBuffer?: boolean;
}

/**
 * Runs `limit/pipe_limit.c`.
 *
 * @returns the bytes that it moved, and the nanoseconds that took.
 */
export async function runPipeLimit(
  { receive, messageBytes, pieceBytes, totalBytes, oneBuffer = false }: PipeWork,
  signal?: AbortSignal,
): Promise<{ readonly bytes: number; readonly nanoseconds: number }> {
  // As many as can be in the pipe, and one to write into meanwhile.
  const buffers = oneBuffer ? 1 : Math.ceil(PIPE_BYTES / messageBytes) + 1;
  const words = [receive, messageBytes, pieceBytes, totalBytes, buffers];
  const [nanoseconds = Number.NaN] = await runForNumbers('pipe_limit', words, signal);
  return { bytes: Math.floor(totalBytes / messageBytes) * messageBytes, nanoseconds };
}

/** What a run of `limit/shm_limit.c` took, in nanoseconds. */
export interface SharedLimitTrial {
  readonly nanoseconds: number;
  /** Of these, processor time of the process that sends. */
  readonly senderNanoseconds: number;
  /** Times of one round trip, of as many more as were asked for, each with a look at the clock in it. */
  readonly roundTrip: Quantiles | undefined;
}

/** Runs `limit/shm_limit.c` with the words of one of its modes. */
export async function runSharedLimit(
  words: readonly (string | number)[],
  signal?: AbortSignal,
): Promise<SharedLimitTrial> {
  const numbers = await runForNumbers('shm_limit', words, signal);
  const [nanoseconds = Number.NaN, senderNanoseconds = Number.NaN, ...times] = numbers;
  const [p50 = Number.NaN, p99 = Number.NaN, p999 = Number.NaN] = times;
  const roundTrip = times.length > 0 ? { p50, p99, p999 } : undefined;
  return { nanoseconds, senderNanoseconds, roundTrip };
}

/** Runs `limit/protocol_limit.c` with the words of one of its modes. */
export async function runProtocolLimit(
  words: readonly (string | number)[],
  signal?: AbortSignal,
): Promise<Omit<SharedLimitTrial, 'roundTrip'>> {
  const numbers = await runForNumbers('protocol_limit', words, signal);
  const [nanoseconds = Number.NaN, senderNanoseconds = Number.NaN] = numbers;
  return { nanoseconds, senderNanoseconds };
}
