import {
  type Allow,
  type CommonReceiverSettings,
  type CommonSenderSettings,
  checkCommonReceiverOptions,
  checkCommonSenderOptions,
  checkInteger,
  checkOptionalInteger,
  checkWaitOptions,
  invalidArgument,
  PageferryError,
  type ReceiverOptions,
  type SenderOptions,
  type WaitOptions,
} from '@pageferry/core';
import { capabilities } from './capabilities.js';
import type { EngineOptions } from './engine/engine.js';
import { subjectOf } from './engine/names.js';

/**
 * Options of the transport: all that the NATS client takes (`servers`, `user`, `pass`, `token`, `authenticator`, `tls`,
 * `inboxPrefix`, …), `credentials`, and some of its own. They are for every sender and receiver.
 */
export interface NatsTransportOptions extends EngineOptions {
  /**
   * For how many milliseconds a sender or a receiver may be out of the servers' reach before it counts as dead: while
   * it connects anew, say. At least 100. Default: 5000.
   */
  readonly patience?: number | undefined;
}

/** Options of a sender over NATS. */
export interface NatsSenderOptions extends SenderOptions {
  /**
   * How many bytes the stream may have on the servers: what receivers have not given back, and the history. `trySend`
   * says `'full'` above it. At least 4 MiB. Default: 256 MiB.
   */
  readonly streamBytes?: number | undefined;
  /** Where the servers keep it. With `'memory'` nothing outlives a restart of the server. Default: `'file'`. */
  readonly storage?: 'file' | 'memory' | undefined;
  /** On how many servers of a cluster it is kept. From 1 to 5. Default: 1. */
  readonly replicas?: number | undefined;
  /**
   * How many messages to keep for receivers that join later: they get the last so many first. With a history, sending
   * succeeds when nobody is connected. From 0 to 1024. Default: 0.
   */
  readonly history?: number | undefined;
  /**
   * What stands for the source of the messages: 1 to 200 visible characters. A sender with the same one that died at this
   * endpoint is followed by this sender, at once: in its stream, with its receivers, who notice nothing as long as it was
   * away for less than their `patience`. Of the messages of `sendInPlace` those that are there already are not sent again,
   * so long as all since then that this sender does not know to be there are sent again, by the same numbers.
   *
   * By default what a dead sender has left is removed.
   */
  readonly takeOver?: string | undefined;
}

/** What becomes of messages while a receiver is behind. */
export type BehindPolicy = 'wait' | 'drop-newest' | 'drop-oldest';

/** Options of a receiver over NATS. */
export interface NatsReceiverOptions extends ReceiverOptions {
  /** What becomes of messages while this receiver is behind. Default: `'wait'`. */
  readonly whenBehind?: BehindPolicy | undefined;
  /**
   * With `'drop-newest'` and `'drop-oldest'`: how many messages may wait in this process to be received before one is
   * dropped. From 1 to 1024. Default: 1024.
   */
  readonly queueDepth?: number | undefined;
}

/** Options of a requester and of a responder over NATS. */
export interface NatsRequestOptions extends WaitOptions {
  /** `nats:SUBJECT`: where questions are asked and answered. */
  readonly endpoint: string;
  /** See `SenderOptions.poolBytes`: of questions, or of answers, until the other side is done with them. Default: 64 MiB. */
  readonly poolBytes?: number | undefined;
  /** See `ReceiverOptions.maxBorrowedBytes`: of answers, or of questions. Default: 64 MiB. */
  readonly maxBorrowedBytes?: number | undefined;
  /** See `SenderOptions.spinMicroseconds`. */
  readonly spinMicroseconds?: number | undefined;
  /** See `SenderOptions.histograms`. */
  readonly histograms?: boolean | undefined;
}

/** Options of a responder over NATS. */
export interface NatsResponderOptions extends NatsRequestOptions {
  /**
   * How many questions to take that are not answered yet: the servers give it no more. 1 is for work that holds the event
   * loop. From 1 to 1024. Default: 16.
   */
  readonly maxUnderWay?: number | undefined;
}

/** {@link NatsTransportOptions} with every default filled in. */
export interface TransportSettings {
  readonly engine: EngineOptions;
  readonly patience: number;
}

/** {@link NatsSenderOptions} with every default filled in. */
export interface SenderSettings extends CommonSenderSettings {
  readonly subject: string;
  readonly streamBytes: number;
  readonly storage: 'file' | 'memory';
  readonly replicas: number;
  readonly history: number;
  readonly takeOver: string | undefined;
}

/** {@link NatsReceiverOptions} with every default filled in, without the time limit. */
export interface ReceiverSettings extends CommonReceiverSettings {
  readonly subject: string;
  readonly whenBehind: BehindPolicy;
  readonly queueDepth: number;
}

/** {@link NatsResponderOptions} with every default filled in, without the time limit. */
export interface RequestSettings {
  readonly endpoint: string;
  readonly subject: string;
  readonly poolBytes: number;
  readonly maxBorrowedBytes: number;
  readonly spinMicroseconds: number;
  readonly histograms: boolean;
  readonly maxUnderWay: number;
}

/** How many messages may be under way to one receiver, or be kept. */
export const MAX_UNDER_WAY = 1024;

/** The policies, the default first. */
export const POLICIES: readonly BehindPolicy[] = ['wait', 'drop-newest', 'drop-oldest'];

const REQUEST_OPTIONS = [
  'endpoint',
  'poolBytes',
  'maxBorrowedBytes',
  'spinMicroseconds',
  'histograms',
  'signal',
  'timeout',
] as const;
const STORAGES = ['file', 'memory'] as const;
const MEBIBYTE = 1024 * 1024;
const SHORTEST_PATIENCE = 100;
const MOST_REPLICAS = 5;
/** It is one word of a text that the servers keep. */
const SOURCE = /^[!-~]{1,200}$/;

/** @throws `INVALID_ARGUMENT`. */
export function checkTransportOptions(options: NatsTransportOptions): TransportSettings {
  if (options === null || typeof options !== 'object') {
    throw invalidArgument('options', options, 'an object');
  }
  const { patience = 5000, ...engine } = options;
  checkInteger('patience', patience, SHORTEST_PATIENCE);
  const { credentials } = engine;
  if (credentials !== undefined && typeof credentials !== 'string') {
    throw invalidArgument('credentials', credentials, 'the path of a credentials file');
  }
  return { engine, patience };
}

/** @throws `INVALID_ARGUMENT`, `ENDPOINT_INVALID`, `ENDPOINT_TOO_LONG`, `NOT_SUPPORTED`. */
export function checkSenderOptions(options: NatsSenderOptions): SenderSettings {
  const own = ['streamBytes', 'storage', 'replicas', 'history', 'takeOver'] as const;
  const common = checkCommonSenderOptions(options, capabilities, own);
  checkNobodyIsAllowed(options.allow);
  const { streamBytes, storage, replicas, history, takeOver } = options;
  if (takeOver !== undefined && !(typeof takeOver === 'string' && SOURCE.test(takeOver))) {
    throw invalidArgument('takeOver', takeOver, '1 to 200 visible characters of ASCII');
  }
  return {
    ...common,
    subject: subjectOf(common.endpoint),
    streamBytes: checkOptionalInteger('streamBytes', streamBytes, 256 * MEBIBYTE, 4 * MEBIBYTE),
    storage: checkOneOf('storage', storage, STORAGES),
    replicas: checkOptionalInteger('replicas', replicas, 1, 1, MOST_REPLICAS),
    history: checkOptionalInteger('history', history, 0, 0, MAX_UNDER_WAY),
    takeOver,
  };
}

/** @throws `INVALID_ARGUMENT`, `ENDPOINT_INVALID`, `ENDPOINT_TOO_LONG`, `NOT_SUPPORTED`. */
export function checkReceiverOptions(options: NatsReceiverOptions): ReceiverSettings {
  const common = checkCommonReceiverOptions(options, capabilities, ['whenBehind', 'queueDepth']);
  checkNobodyIsAllowed(options.allow);
  const { whenBehind, queueDepth } = options;
  return {
    ...common,
    subject: subjectOf(common.endpoint),
    whenBehind: checkOneOf('whenBehind', whenBehind, POLICIES),
    queueDepth: checkOptionalInteger('queueDepth', queueDepth, MAX_UNDER_WAY, 1, MAX_UNDER_WAY),
  };
}

/** @throws `INVALID_ARGUMENT`, `ENDPOINT_INVALID`, `ENDPOINT_TOO_LONG`, `NOT_SUPPORTED`. */
export function checkRequestOptions(
  options: NatsResponderOptions,
  more: readonly 'maxUnderWay'[] = [],
): RequestSettings {
  const known = [...REQUEST_OPTIONS, ...more];
  const { poolBytes, maxBorrowedBytes, maxUnderWay, ...rest } = checkWaitOptions(options, known);
  const { endpoint, spinMicroseconds, histograms } = rest;
  const shared = { endpoint, spinMicroseconds, histograms };
  const sending = checkCommonSenderOptions({ ...shared, poolBytes }, capabilities, []);
  const receiving = checkCommonReceiverOptions({ ...shared, maxBorrowedBytes }, capabilities, []);
  return {
    endpoint: sending.endpoint,
    subject: subjectOf(sending.endpoint),
    poolBytes: sending.poolBytes,
    maxBorrowedBytes: receiving.maxBorrowedBytes,
    spinMicroseconds: sending.spinMicroseconds,
    histograms: sending.histograms,
    maxUnderWay: checkOptionalInteger('maxUnderWay', maxUnderWay, 16, 1, MAX_UNDER_WAY),
  };
}

/** Users and groups of one machine say nothing to a server. */
function checkNobodyIsAllowed({ uids = [], gids = [] }: Allow = {}): void {
  if (uids.length + gids.length === 0) return;
  throw new PageferryError(
    'NOT_SUPPORTED',
    'who may use a subject is for the NATS servers to say (accounts and permissions), not for the option allow',
    { argument: 'allow' },
  );
}

/** Passes one of `values`, the first for `undefined`. */
function checkOneOf<T extends string>(argument: string, value: unknown, values: readonly T[]): T {
  if (value === undefined) return values[0] as T;
  if (!values.includes(value as T)) {
    throw invalidArgument(argument, value, values.map((known) => `'${known}'`).join(' or '));
  }
  return value as T;
}
