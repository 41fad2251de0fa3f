import {
  checkDescriptor,
  checkOptionalInteger,
  checkOptions,
  invalidArgument,
} from '@pageferry/core';
import { checkResult, type LinuxCalls, S_IFIFO, S_IFMT, STAT_FIELD } from '@pageferry/linux';

/** Options of a sender or receiver that is attached to a pipe of a foreign program. */
export interface AttachOptions {
  /**
   * A descriptor of the pipe, or an object that holds one in `fd`. It stays the caller's, and must
   * stay open for as long as the sender or receiver does.
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

/** @throws `INVALID_ARGUMENT`, also for a descriptor that is no pipe; `SYSTEM_CALL_FAILED`. */
export function checkAttachOptions(calls: LinuxCalls, options: AttachOptions): AttachSettings {
  const { pipe, poolBytes, spinMicroseconds } = checkOptions(options);
  const fd = checkDescriptor('pipe', pipe);
  const fields = new BigInt64Array(6);
  checkResult(calls.fstat(fd, fields), 'fstat', `descriptor ${fd}`);
  if ((Number(fields[STAT_FIELD.mode]) & S_IFMT) !== S_IFIFO) {
    throw invalidArgument('pipe', pipe, 'a pipe (the stdio pipes of Node are sockets)');
  }
  return {
    fd,
    poolBytes: checkOptionalInteger('poolBytes', poolBytes, 64 * 1024 * 1024, 1),
    spinMicroseconds: checkOptionalInteger('spinMicroseconds', spinMicroseconds, 100, 0, 1_000_000),
  };
}
