import { checkEndpointFor, checkPoolBytes, checkSpin, DEFAULT_BYTES } from '../base/settings.js';
import { checkFlag, checkOptionalInteger } from '../checks.js';
import type { Capabilities } from '../contract/capabilities.js';
import type { ChannelSideOptions, ConnectOptions, ListenOptions } from '../contract/transport.js';
import { PageferryError } from '../errors.js';
import { checkOptions } from '../options.js';
import { type AllowSettings, checkAllow } from '../rendezvous/allow.js';

/** {@link ChannelSideOptions} with every default filled in. */
export interface ChannelSideSettings {
  /** Checked, as it was given. */
  readonly endpoint: string;
  /** See {@link ListenOptions.allow}. */
  readonly allow: AllowSettings;
  /** See {@link ChannelSideOptions.poolBytes}. */
  readonly poolBytes: number;
  /** See {@link ChannelSideOptions.maxBorrowedBytes}. */
  readonly maxBorrowedBytes: number;
  /** See {@link ChannelSideOptions.spinMicroseconds}. */
  readonly spinMicroseconds: number;
  /** Whether to count lengths and times in histograms. Default: false. */
  readonly histograms: boolean;
}

/** {@link ListenOptions} with every default filled in. */
export interface ListenSettings extends ChannelSideSettings {
  /** See {@link ListenOptions.maxChannels}. */
  readonly maxChannels: number;
}

const SIDE_OPTIONS = [
  'endpoint',
  'allow',
  'poolBytes',
  'maxBorrowedBytes',
  'spinMicroseconds',
  'histograms',
] as const;

/**
 * Passes what every transport's `listen` takes.
 *
 * @param more the names of the options that this transport has besides.
 * @throws `INVALID_ARGUMENT`, `ENDPOINT_INVALID`, `NOT_SUPPORTED` where there are no channels.
 */
export function checkListenOptions<T extends ListenOptions>(
  options: T,
  capabilities: Capabilities,
  more: readonly Exclude<keyof T & string, keyof ListenOptions>[] = [],
): ListenSettings {
  const known = [...SIDE_OPTIONS, 'maxChannels' as const, ...more];
  const { maxChannels, ...given } = checkOptions(options, known);
  const side = checkSide(given, capabilities);
  const most = capabilities.maxChannels;
  return { ...side, maxChannels: checkOptionalInteger('maxChannels', maxChannels, most, 1, most) };
}

/** Passes what every transport's `connect` takes. @throws as {@link checkListenOptions}. */
export function checkConnectOptions<T extends ConnectOptions>(
  options: T,
  capabilities: Capabilities,
  more: readonly Exclude<keyof T & string, keyof ConnectOptions>[] = [],
): ChannelSideSettings {
  const given = checkOptions(options, [...SIDE_OPTIONS, 'signal', 'timeout', ...more]);
  return checkSide(given, capabilities);
}

function checkSide(
  {
    endpoint,
    allow,
    poolBytes,
    maxBorrowedBytes,
    spinMicroseconds,
    histograms,
  }: ChannelSideOptions & Pick<ListenOptions, 'endpoint' | 'allow'>,
  capabilities: Capabilities,
): ChannelSideSettings {
  if (capabilities.maxChannels === 0) {
    throw new PageferryError('NOT_SUPPORTED', 'this transport has no channels');
  }
  const path = checkEndpointFor(endpoint, capabilities);
  return {
    endpoint: path,
    allow: checkAllow(allow, path),
    poolBytes: checkPoolBytes(poolBytes),
    maxBorrowedBytes: checkOptionalInteger('maxBorrowedBytes', maxBorrowedBytes, DEFAULT_BYTES, 1),
    spinMicroseconds: checkSpin(spinMicroseconds),
    histograms: checkFlag('histograms', histograms),
  };
}
