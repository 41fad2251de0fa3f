import {
  type CommonReceiverSettings,
  type CommonSenderSettings,
  checkCommonReceiverOptions,
  checkCommonSenderOptions,
  type ReceiverOptions,
  type SenderOptions,
} from '@pageferry/core';
import { capabilities } from './capabilities.js';

/** `SenderOptions` with every default filled in. */
export type SenderSettings = CommonSenderSettings;

/** `ReceiverOptions` with every default filled in, without the time limit. */
export type ReceiverSettings = CommonReceiverSettings;

/** @throws `INVALID_ARGUMENT`, `ENDPOINT_INVALID`, `NOT_SUPPORTED`. */
export function checkSenderOptions(options: SenderOptions): SenderSettings {
  return checkCommonSenderOptions(options, capabilities, []);
}

/** @throws `INVALID_ARGUMENT`, `ENDPOINT_INVALID`, `NOT_SUPPORTED`. */
export function checkReceiverOptions(options: ReceiverOptions): ReceiverSettings {
  return checkCommonReceiverOptions(options, capabilities, []);
}
