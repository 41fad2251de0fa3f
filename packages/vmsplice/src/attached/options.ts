import {
  checkDescriptor,
  checkOptionalInteger,
  checkOptions,
  type DescriptorAdvice,
  invalidArgument,
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

/** Options of a sender or receiver that is attached to a pipe of a foreign program. */
export interface AttachOptions {
  /**
   * A descriptor of the pipe's end, or an object that holds one in `fd`: of what `openPipe()` returns,
   * `writeEnd` for a sender and `readEnd` for a receiver. It stays the caller's, and must stay open for
   * as long as the sender or receiver does. The `stdio` pipes that Node makes are sockets: give the
   * child an end of `openPipe()` instead.
   */
  readonly pipe: number | { readonly fd: number };
  /** As `SenderOptions.poolBytes` and `ReceiverOptions.maxBorrowedBytes`. Default: 64 MiB. */
  readonly poolBytes?: number | undefined;
  /** As `SenderOptions.spinMicroseconds`. Default: 100. */
  readonly spinMicroseconds?: number | undefined;
}

/** {@link AttachOptions} with every default filled in. */
export interface AttachSettings {
  readonly fd: number;
  readonly poolBytes: number;
  readonly spinMicroseconds: number;
}

const OPTIONS = ['pipe', 'poolBytes', 'spinMicroseconds'] as const;

/** Which end of a pipe a sender or a receiver attaches to, and what else to tell who passes another. */
const ENDS = {
  sender: { end: 'writeEnd', others: 'readEnd', wrong: O_RDONLY, what: 'that can be written to' },
  receiver: { end: 'readEnd', others: 'writeEnd', wrong: O_WRONLY, what: 'that can be read from' },
} as const;

/**
 * @param role who attaches.
 * @throws `INVALID_ARGUMENT`, also for a descriptor that is no pipe, and for the wrong end of one;
 *   `SYSTEM_CALL_FAILED`.
 */
export function checkAttachOptions(
  calls: LinuxCalls,
  options: AttachOptions,
  role: keyof typeof ENDS,
): AttachSettings {
  const { pipe, poolBytes, spinMicroseconds } = checkOptions(options, OPTIONS);
  const { end, others, wrong, what } = ENDS[role];
  const instead =
    `the stdio pipes of Node are sockets: make one with openPipe(), give the child its ${others} in ` +
    `stdio, and pass ${end} here`;
  const advice: DescriptorAdvice = { end, instead };
  const fd = checkDescriptor('pipe', pipe, advice);
  const fields = new BigInt64Array(6);
  checkResult(calls.fstat(fd, fields), 'fstat', `descriptor ${fd}`);
  const type = Number(fields[STAT_FIELD.mode]) & S_IFMT;
  if (type === S_IFSOCK) throw invalidArgument('pipe', pipe, `a pipe, and no socket (${instead})`);
  if (type !== S_IFIFO) throw invalidArgument('pipe', pipe, `the ${end} of a pipe`);
  const flags = checkResult(calls.getStatusFlags(fd), 'fcntl', 'F_GETFL');
  if ((flags & O_ACCMODE) === wrong) {
    throw invalidArgument('pipe', pipe, `the end of the pipe ${what} (${end})`);
  }
  return {
    fd,
    poolBytes: checkOptionalInteger('poolBytes', poolBytes, 64 * 1024 * 1024, 1),
    spinMicroseconds: checkOptionalInteger('spinMicroseconds', spinMicroseconds, 100, 0, 1_000_000),
  };
}
