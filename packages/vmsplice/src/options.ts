import { checkPoolFits } from '@pageferry/connection';
import {
  type CommonReceiverSettings,
  type CommonSenderSettings,
  checkCommonReceiverOptions,
  checkCommonSenderOptions,
  checkOptionalInteger,
  type ReceiverOptions,
  type SenderOptions,
} from '@pageferry/core';
import { largestPipeSize } from '@pageferry/linux';
import { capabilities } from './capabilities.js';

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

/** {@link VmspliceSenderOptions} with every default filled in. */
export interface SenderSettings extends CommonSenderSettings {
  readonly pipeBytes: number;
}

/** {@link VmspliceReceiverOptions} with every default filled in. */
export type ReceiverSettings = CommonReceiverSettings;

/** @throws `INVALID_ARGUMENT`, `ENDPOINT_INVALID`. */
export function checkSenderOptions(options: VmspliceSenderOptions): SenderSettings {
  const common = checkCommonSenderOptions(options, capabilities, ['pipeBytes']);
  checkPoolFits(common.poolBytes);
  return { ...common, pipeBytes: checkPipeBytes(options.pipeBytes) };
}

/** Passes `pipeBytes`. @throws `INVALID_ARGUMENT`. */
export function checkPipeBytes(value: unknown): number {
  return checkOptionalInteger('pipeBytes', value, largestPipeSize(), 1, 2 ** 31 - 1);
}

/** @throws `INVALID_ARGUMENT`, `ENDPOINT_INVALID`. */
export function checkReceiverOptions(options: VmspliceReceiverOptions): ReceiverSettings {
  return checkCommonReceiverOptions(options, capabilities, []);
}
