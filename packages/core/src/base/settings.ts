import { checkEndpoint, checkFlag, checkOptionalInteger, inheritedDescriptor } from '../checks.js';
import type { Capabilities } from '../contract/capabilities.js';
import type { ReceiverOptions, SenderOptions } from '../contract/transport.js';
import { PageferryError } from '../errors.js';
import { checkOptions } from '../options.js';
import { type AllowSettings, checkAllow } from '../rendezvous/allow.js';

/** {@link SenderOptions} with every default filled in. */
export interface CommonSenderSettings {
  /** Checked, as it was given. */
  readonly endpoint: string;
  /** See {@link SenderOptions.allow}. */
  readonly allow: AllowSettings;
  /** See {@link SenderOptions.poolBytes}. */
  readonly poolBytes: number;
  /** See {@link SenderOptions.maxReceivers}. */
  readonly maxReceivers: number;
  /** See {@link SenderOptions.spinMicroseconds}. */
  readonly spinMicroseconds: number;
  /** Whether to count lengths and times in histograms. Default: false. */
  readonly histograms: boolean;
}

/** {@link ReceiverOptions} with every default filled in, without the time limit. */
export interface CommonReceiverSettings {
  /** Checked, as it was given. */
  readonly endpoint: string;
  /** See {@link SenderOptions.allow}. */
  readonly allow: AllowSettings;
  /** See {@link ReceiverOptions.maxBorrowedBytes}. */
  readonly maxBorrowedBytes: number;
  /** See {@link SenderOptions.spinMicroseconds}. */
  readonly spinMicroseconds: number;
  /** Whether to count lengths and times in histograms. Default: false. */
  readonly histograms: boolean;
}

const SENDER_OPTIONS = [
  'endpoint',
  'allow',
  'poolBytes',
  'maxReceivers',
  'spinMicroseconds',
  'histograms',
] as const;
const RECEIVER_OPTIONS = [
  'endpoint',
  'allow',
  'maxBorrowedBytes',
  'spinMicroseconds',
  'histograms',
  'signal',
  'timeout',
] as const;
/** What a pool may have out, and a receiver may hold, unless told otherwise. */
export const DEFAULT_BYTES: number = 64 * 1024 * 1024;
const DEFAULT_SPIN = 100;
const LONGEST_SPIN = 1_000_000;

/**
 * Passes what every transport's sender takes.
 *
 * @param more the names of the options that this transport has besides.
 * @throws `INVALID_ARGUMENT`, `ENDPOINT_INVALID`, `NOT_SUPPORTED` for an inherited endpoint where the
 *   transport has none.
 */
export function checkCommonSenderOptions<T extends SenderOptions>(
  options: T,
  capabilities: Capabilities,
  more: readonly Exclude<keyof T & string, keyof SenderOptions>[],
): CommonSenderSettings {
  const known = [...SENDER_OPTIONS, ...more];
  const given = checkOptions(options, known);
  const { endpoint, allow, poolBytes, maxReceivers, spinMicroseconds, histograms } = given;
  const path = checkEndpointFor(endpoint, capabilities);
  const most = capabilities.maxReceivers;
  return {
    endpoint: path,
    allow: checkAllow(allow, path),
    poolBytes: checkPoolBytes(poolBytes),
    maxReceivers: checkOptionalInteger('maxReceivers', maxReceivers, most, 1, most),
    spinMicroseconds: checkSpin(spinMicroseconds),
    histograms: checkFlag('histograms', histograms),
  };
}

/** Passes what every transport's receiver takes. @throws as {@link checkCommonSenderOptions}. */
export function checkCommonReceiverOptions<T extends ReceiverOptions>(
  options: T,
  capabilities: Capabilities,
  more: readonly Exclude<keyof T & string, keyof ReceiverOptions>[],
): CommonReceiverSettings {
  const known = [...RECEIVER_OPTIONS, ...more];
  const given = checkOptions(options, known);
  const { endpoint, allow, maxBorrowedBytes, spinMicroseconds, histograms } = given;
  const path = checkEndpointFor(endpoint, capabilities);
  return {
    endpoint: path,
    allow: checkAllow(allow, path),
    maxBorrowedBytes: checkOptionalInteger('maxBorrowedBytes', maxBorrowedBytes, DEFAULT_BYTES, 1),
    spinMicroseconds: checkSpin(spinMicroseconds),
    histograms: checkFlag('histograms', histograms),
  };
}

/** Passes an endpoint that the transport can have. @throws as {@link checkCommonSenderOptions}. */
export function checkEndpointFor(value: unknown, capabilities: Capabilities): string {
  const endpoint = checkEndpoint(value);
  if (!capabilities.inheritedEndpoint && inheritedDescriptor(endpoint) !== undefined) {
    throw new PageferryError(
      'NOT_SUPPORTED',
      `this transport needs a path for an endpoint, not ${endpoint} (a file of that name is ./${endpoint})`,
      { argument: 'endpoint' },
    );
  }
  return endpoint;
}

/** Passes `poolBytes`. @throws `INVALID_ARGUMENT`. */
export function checkPoolBytes(value: unknown): number {
  return checkOptionalInteger('poolBytes', value, DEFAULT_BYTES, 1);
}

/** Passes `spinMicroseconds`. @throws `INVALID_ARGUMENT`. */
export function checkSpin(value: unknown): number {
  return checkOptionalInteger('spinMicroseconds', value, DEFAULT_SPIN, 0, LONGEST_SPIN);
}
