import {
  checkEndpoint,
  checkOptionalInteger,
  checkOptions,
  type ReceiverOptions,
  type SenderOptions,
} from '@pageferry/core';
import { capabilities } from './capabilities.js';

/** `SenderOptions` with every default filled in. */
export interface SenderSettings {
  readonly endpoint: string;
  readonly poolBytes: number;
  readonly maxReceivers: number;
  readonly spinMicroseconds: number;
}

/** `ReceiverOptions` with every default filled in, without the time limit. */
export interface ReceiverSettings {
  readonly endpoint: string;
  readonly maxBorrowedBytes: number;
  readonly spinMicroseconds: number;
}

const DEFAULT_BYTES = 64 * 1024 * 1024;
const DEFAULT_SPIN = 100;
const LONGEST_SPIN = 1_000_000;

/** @throws `INVALID_ARGUMENT`, `ENDPOINT_INVALID`. */
export function checkSenderOptions(options: SenderOptions): SenderSettings {
  const { endpoint, poolBytes, maxReceivers, spinMicroseconds } = checkOptions(options);
  const most = capabilities.maxReceivers;
  return {
    endpoint: checkEndpoint(endpoint),
    poolBytes: checkOptionalInteger('poolBytes', poolBytes, DEFAULT_BYTES, 1),
    maxReceivers: checkOptionalInteger('maxReceivers', maxReceivers, most, 1, most),
    spinMicroseconds: checkSpin(spinMicroseconds),
  };
}

/** @throws `INVALID_ARGUMENT`, `ENDPOINT_INVALID`. */
export function checkReceiverOptions(options: ReceiverOptions): ReceiverSettings {
  const { endpoint, maxBorrowedBytes, spinMicroseconds } = checkOptions(options);
  return {
    endpoint: checkEndpoint(endpoint),
    maxBorrowedBytes: checkOptionalInteger('maxBorrowedBytes', maxBorrowedBytes, DEFAULT_BYTES, 1),
    spinMicroseconds: checkSpin(spinMicroseconds),
  };
}

function checkSpin(value: unknown): number {
  return checkOptionalInteger('spinMicroseconds', value, DEFAULT_SPIN, 0, LONGEST_SPIN);
}
