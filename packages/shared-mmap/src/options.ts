import { checkPoolFits } from '@pageferry/connection';
import {
  type CommonReceiverSettings,
  type CommonSenderSettings,
  checkCommonReceiverOptions,
  checkCommonSenderOptions,
  checkFlag,
  checkOptionalInteger,
  invalidArgument,
  type ReceiverOptions,
  type SenderOptions,
} from '@pageferry/core';
import type { Binding } from '@pageferry/linux';
import { capabilities } from './capabilities.js';
import { PAGE_BYTES, withRoomForGaps } from './memory/slot-size.js';
import { type BehindPolicy, POLICY, QUEUE_CAPACITY } from './protocol.js';

/** Options of the shared-memory transport's sender. */
export interface SharedMmapSenderOptions extends SenderOptions {
  /** Who makes the system calls. Default: `'napi'`, or `'ffi'` where only that loads. */
  readonly binding?: Binding | undefined;
  /**
   * How many bytes of the pool to allocate at once, so that no later loan has to wait for memory.
   * The rest follows step by step, up to `poolBytes`, when it is needed. Default: 2 MiB.
   */
  readonly preallocateBytes?: number | undefined;
  /**
   * How many messages to keep for receivers that join later: they get the last so many first. What
   * is kept takes up room in the pool, and gives way when the pool is short. With a history, sending
   * succeeds when nobody is connected. Default: 0.
   */
  readonly history?: number | undefined;
  /**
   * What receivers may do with the sender's pages. `'read-write'` is for peers that trust each
   * other: any of them can change what all the others read. Default: `'read-only'`, for which a kernel
   * before 5.1 is too old (`NOT_SUPPORTED`).
   */
  readonly receiverAccess?: Access | undefined;
  /**
   * True to detach `loan.bytes`, and every view of it, when the loan is sent or released: a view that
   * was kept reaches nothing then, instead of memory that belongs to somebody else, and throws
   * `LOAN_NOT_OWNED` when it is asked for its length. Costs more than all the rest of a small message.
   * Default: false.
   */
  readonly guard?: boolean | undefined;
}

/** Options of the shared-memory transport's receiver. */
export interface SharedMmapReceiverOptions extends ReceiverOptions {
  /** Who makes the system calls. Default: `'napi'`, or `'ffi'` where only that loads. */
  readonly binding?: Binding | undefined;
  /**
   * How many unreleased deliveries this receiver may hold. `receive()` waits above it. Default: no
   * limit of its own, which comes to `queueDepth` with `whenBehind: 'wait'`, and to 1022 otherwise.
   */
  readonly maxBorrowed?: number | undefined;
  /** What becomes of messages while this receiver is behind. Default: `'wait'`. */
  readonly whenBehind?: BehindPolicy | undefined;
  /**
   * How many messages may be under way to this receiver before it counts as behind. With `'wait'` those
   * that it holds are included; otherwise only those that it has not received count. From 1 to 1024.
   * Default: 1024.
   */
  readonly queueDepth?: number | undefined;
  /**
   * `'read-write'` to change deliveries in place, where the sender allows it with `receiverAccess`.
   * Default: `'read-only'`: writing to a delivery ends the process, with a line on standard error
   * that says which message it was. Over FFI without the line.
   */
  readonly access?: Access | undefined;
  /** As {@link SharedMmapSenderOptions.guard}, for `delivery.bytes` after `release`. */
  readonly guard?: boolean | undefined;
  /**
   * True to have deliveries that other threads of this process read without a copy: `delivery.forThreads()`. Needs Node
   * 22.23.3, 24.16, 26.1 or later, and the addon: `NOT_SUPPORTED` elsewhere. Default: false.
   */
  readonly sharedToThreads?: boolean | undefined;
}

/** What may be done with memory. */
export type Access = 'read-only' | 'read-write';

/** {@link SharedMmapSenderOptions} with every default filled in. */
export interface SenderSettings extends CommonSenderSettings {
  readonly preallocateBytes: number;
  readonly history: number;
  readonly receiverAccess: Access;
  readonly guard: boolean;
}

/** {@link SharedMmapReceiverOptions} with every default filled in. */
export interface ReceiverSettings extends CommonReceiverSettings {
  readonly maxBorrowed: number;
  readonly whenBehind: BehindPolicy;
  readonly queueDepth: number;
  readonly access: Access;
  readonly guard: boolean;
  readonly sharedToThreads: boolean;
}

const MEBIBYTE = 1024 * 1024;
const POLICIES = Object.keys(POLICY) as BehindPolicy[];
const ACCESSES: readonly Access[] = ['read-only', 'read-write'];

/** Offsets in the pool are 32-bit words that count cache lines. */
const MAX_POOL_BYTES = capabilities.maxMessageBytes;

/** @throws `INVALID_ARGUMENT`, `ENDPOINT_INVALID`. */
export function checkSenderOptions(options: SharedMmapSenderOptions): SenderSettings {
  const common = checkCommonSenderOptions(options, capabilities, [
    'binding',
    'preallocateBytes',
    'history',
    'receiverAccess',
    'guard',
  ]);
  const { history, receiverAccess, guard } = options;
  return {
    ...common,
    preallocateBytes: checkPool(common.poolBytes, options.preallocateBytes),
    history: checkOptionalInteger('history', history, 0, 0, QUEUE_CAPACITY),
    receiverAccess: checkOneOf('receiverAccess', receiverAccess, ACCESSES),
    guard: checkFlag('guard', guard),
  };
}

/** @throws `INVALID_ARGUMENT`, `ENDPOINT_INVALID`. */
export function checkReceiverOptions(options: SharedMmapReceiverOptions): ReceiverSettings {
  const common = checkCommonReceiverOptions(options, capabilities, [
    'binding',
    'maxBorrowed',
    'whenBehind',
    'queueDepth',
    'access',
    'guard',
    'sharedToThreads',
  ]);
  const { maxBorrowed, whenBehind, queueDepth, access, guard, sharedToThreads } = options;
  const policy = checkOneOf('whenBehind', whenBehind, POLICIES);
  const held = checkOptionalInteger('maxBorrowed', maxBorrowed, QUEUE_CAPACITY, 1);
  return {
    ...common,
    // With one more on its way to the caller, a place is left for the newest message that there is.
    maxBorrowed: policy === 'wait' ? held : Math.min(held, QUEUE_CAPACITY - 2),
    whenBehind: policy,
    queueDepth: checkOptionalInteger('queueDepth', queueDepth, QUEUE_CAPACITY, 1, QUEUE_CAPACITY),
    access: checkOneOf('access', access, ACCESSES),
    guard: checkFlag('guard', guard),
    sharedToThreads: checkFlag('sharedToThreads', sharedToThreads),
  };
}

/**
 * Checks how large a pool is to be, and passes `preallocateBytes`.
 *
 * @throws `INVALID_ARGUMENT`.
 */
export function checkPool(poolBytes: number, preallocateBytes: unknown): number {
  checkOptionalInteger('poolBytes', poolBytes, 0, 1, MAX_POOL_BYTES);
  checkPoolFits(poolBytes, withRoomForGaps(poolBytes, PAGE_BYTES));
  const first = Math.min(poolBytes, 2 * MEBIBYTE);
  return checkOptionalInteger('preallocateBytes', preallocateBytes, first, 0, poolBytes);
}

/** Passes one of `values`, the first for `undefined`. */
function checkOneOf<T extends string>(argument: string, value: unknown, values: readonly T[]): T {
  if (value === undefined) return values[0] as T;
  if (!values.includes(value as T)) {
    throw invalidArgument(argument, value, values.map((known) => `'${known}'`).join(' or '));
  }
  return value as T;
}
