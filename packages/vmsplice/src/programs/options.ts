import { checkPoolFits } from '@pageferry/connection';
import {
  checkDescriptor,
  checkOptionalInteger,
  checkOptions,
  type DescriptorAdvice,
  invalidArgument,
  type PipeReaderOptions,
  type PipeWriterOptions,
} from '@pageferry/core';
import {
  checkResult,
  type LinuxCalls,
  O_ACCMODE,
  O_RDONLY,
  O_WRONLY,
  S_IFIFO,
  S_IFMT,
  S_IFSOCK,
  STAT_FIELD,
} from '@pageferry/linux';

/** Options of one end of a pipe, with every default filled in. */
export interface PipeEndSettings {
  /** The caller's descriptor. */
  readonly fd: number;
  /** How many bytes of memory may be out. */
  readonly poolBytes: number;
  readonly spinMicroseconds: number;
}

const DEFAULT_BYTES = 64 * 1024 * 1024;

/** Each end of a pipe, in words for whoever passes another one. */
const ENDS = {
  writeEnd: { other: 'readEnd', wrong: O_RDONLY, stream: 'stdin', what: 'can be written to' },
  readEnd: { other: 'writeEnd', wrong: O_WRONLY, stream: 'stdout', what: 'can be read from' },
} as const;

/** @throws `INVALID_ARGUMENT`, `SYSTEM_CALL_FAILED`: see {@link checkPipeEnd}. */
export function checkWriterOptions(calls: LinuxCalls, options: PipeWriterOptions): PipeEndSettings {
  const known = ['pipe', 'poolBytes', 'spinMicroseconds'] as const;
  const { pipe, poolBytes, spinMicroseconds } = checkOptions(options, known);
  const settings = {
    fd: checkPipeEnd(calls, 'pipe', pipe, 'writeEnd'),
    poolBytes: checkOptionalInteger('poolBytes', poolBytes, DEFAULT_BYTES, 1),
    spinMicroseconds: checkSpin(spinMicroseconds),
  };
  checkPoolFits(settings.poolBytes);
  return settings;
}

/** @throws `INVALID_ARGUMENT`, `SYSTEM_CALL_FAILED`: see {@link checkPipeEnd}. */
export function checkReaderOptions(calls: LinuxCalls, options: PipeReaderOptions): PipeEndSettings {
  const known = ['pipe', 'maxBorrowedBytes', 'spinMicroseconds'] as const;
  const { pipe, maxBorrowedBytes, spinMicroseconds } = checkOptions(options, known);
  return {
    fd: checkPipeEnd(calls, 'pipe', pipe, 'readEnd'),
    poolBytes: checkOptionalInteger('maxBorrowedBytes', maxBorrowedBytes, DEFAULT_BYTES, 1),
    spinMicroseconds: checkSpin(spinMicroseconds),
  };
}

/**
 * The number of a descriptor of a pipe's end.
 *
 * @throws `INVALID_ARGUMENT` for anything else, the other end included, with what to pass instead;
 *   `SYSTEM_CALL_FAILED` (`EBADF`).
 */
export function checkPipeEnd(
  calls: LinuxCalls,
  argument: string,
  value: unknown,
  end: keyof typeof ENDS,
): number {
  const { other, wrong, stream, what } = ENDS[end];
  const instead =
    `the stdio pipes of Node are sockets: start the program with spawnPiped() and use its ${stream}, or ` +
    `make a pipe with openPipe(), give the program its ${other} in stdio, and pass ${end} here`;
  const advice: DescriptorAdvice = { end, instead };
  const fd = checkDescriptor(argument, value, advice);
  const fields = new BigInt64Array(6);
  checkResult(calls.fstat(fd, fields), 'fstat', `descriptor ${fd}`);
  const type = Number(fields[STAT_FIELD.mode]) & S_IFMT;
  if (type === S_IFSOCK)
    throw invalidArgument(argument, value, `a pipe, and no socket (${instead})`);
  if (type !== S_IFIFO) throw invalidArgument(argument, value, `the ${end} of a pipe`);
  const flags = checkResult(calls.getStatusFlags(fd), 'fcntl', 'F_GETFL');
  if ((flags & O_ACCMODE) === wrong) {
    throw invalidArgument(argument, value, `the end of the pipe that ${what} (${end})`);
  }
  return fd;
}

function checkSpin(value: unknown): number {
  return checkOptionalInteger('spinMicroseconds', value, 100, 0, 1_000_000);
}
