import {
  checkEndpoint,
  checkOptionalInteger,
  checkOptions,
  type ReceiverOptions,
  type SenderOptions,
} from '@pageferry/core';
import { largestPipeSize } from '@pageferry/linux';

/** Options of the pipe transport's sender. */
export interface VmspliceSenderOptions extends SenderOptions {
  /**
   * Capacity of each receiver's pipe in bytes. The kernel may grant less. Default: as much as
   * `/proc/sys/fs/pipe-max-size` allows an unprivileged user, usually 1 MiB.
   */
  readonly pipeBytes?: number | undefined;
}

/** Options of the pipe transport's receiver. */
export interface VmspliceReceiverOptions extends ReceiverOptions {}

const MEBIBYTE = 1024 * 1024;

/** {@link VmspliceSenderOptions} with every default filled in. */
export interface SenderSettings {
  readonly endpoint: string;
  readonly poolBytes: number;
  readonly maxReceivers: number;
  readonly spinMicroseconds: number;
  readonly pipeBytes: number;
}

/** {@link VmspliceReceiverOptions} with every default filled in. */
export interface ReceiverSettings {
  readonly endpoint: string;
  readonly maxBorrowedBytes: number;
  readonly spinMicroseconds: number;
}

/** How many receivers one sender can serve. */
export const MAX_RECEIVERS = 64;

const DEFAULT_SPIN = 100;
const LONGEST_SPIN = 1_000_000;

/** @throws `INVALID_ARGUMENT`, `ENDPOINT_INVALID`. */
export function checkSenderOptions(options: VmspliceSenderOptions): SenderSettings {
  const given = checkOptions(options);
  return {
    endpoint: checkEndpoint(given.endpoint),
    poolBytes: checkOptionalInteger('poolBytes', given.poolBytes, 64 * MEBIBYTE, 1),
    maxReceivers: checkOptionalInteger(
      'maxReceivers',
      given.maxReceivers,
      MAX_RECEIVERS,
      1,
      MAX_RECEIVERS,
    ),
    spinMicroseconds: checkSpin(given.spinMicroseconds),
    pipeBytes: checkOptionalInteger(
      'pipeBytes',
      given.pipeBytes,
      largestPipeSize(),
      1,
      2 ** 31 - 1,
    ),
  };
}

/** @throws `INVALID_ARGUMENT`, `ENDPOINT_INVALID`. */
export function checkReceiverOptions(options: VmspliceReceiverOptions): ReceiverSettings {
  const given = checkOptions(options);
  return {
    endpoint: checkEndpoint(given.endpoint),
    maxBorrowedBytes: checkOptionalInteger(
      'maxBorrowedBytes',
      given.maxBorrowedBytes,
      64 * MEBIBYTE,
      1,
    ),
    spinMicroseconds: checkSpin(given.spinMicroseconds),
  };
}

function checkSpin(value: unknown): number {
  return checkOptionalInteger('spinMicroseconds', value, DEFAULT_SPIN, 0, LONGEST_SPIN);
}
