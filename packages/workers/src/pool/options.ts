import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ResourceLimits } from 'node:worker_threads';
import { checkInteger, checkOptionalInteger, checkOptions, invalidArgument } from '@pageferry/core';
import type { ChannelSettings, MechanismOptions } from '../start/mechanism.js';
import { realTime, type Timers } from '../start/timers.js';

/** Pauses before a worker that has died is started anew, in milliseconds. */
export interface BackOff {
  /** Before the second start in a row after which no task was done; each one after that is twice as long. Default: 100. */
  readonly first?: number | undefined;
  /** None is longer. Default: 30,000. */
  readonly longest?: number | undefined;
}

/** Options of `createPool`. Those that piscina has too are called as they are there. */
export interface PoolOptions extends MechanismOptions {
  /** How many workers. Default: as many as can run at once here (`os.availableParallelism()`). */
  readonly size?: number | undefined;
  /** Threads of this process instead of processes. Default: false. */
  readonly threads?: boolean | undefined;
  /** How many tasks a worker may have at once. Default: 1. */
  readonly concurrentTasksPerWorker?: number | undefined;
  /** How many tasks may wait for a worker; one more is `QUEUE_FULL`. Default: any number. */
  readonly maxQueue?: number | undefined;
  /** How often a task is run again whose worker has died. It may have been done all the same. Default: 0. */
  readonly retries?: number | undefined;
  /** After how many tasks a worker is replaced. Default: never. */
  readonly maxTasksPerWorker?: number | undefined;
  /**
   * The memory in bytes above which a worker is replaced once its tasks are done: of a process what it has to itself, of a
   * thread its heap and what hangs on that. Looked at after each task. Default: never.
   */
  readonly maxMemoryPerWorker?: number | undefined;
  /** How long a worker that has died is not started anew. */
  readonly backOff?: BackOff | undefined;
  /** After how many milliseconds a worker that has not loaded its module is ended. Default: 30,000. */
  readonly readyTimeout?: number | undefined;
  /** For how many milliseconds an aborted task may go on before its worker is ended. Default: 100. */
  readonly abortGrace?: number | undefined;
  /** For how many milliseconds a worker may take to end in order before it is killed. Default: 1000. */
  readonly endTimeout?: number | undefined;
  /** What this side of each worker's channel takes, for example `{ poolBytes }`. */
  readonly channel?: ChannelSettings | undefined;
  /** What the workers' side takes. Default: as `channel`. */
  readonly workerChannel?: ChannelSettings | undefined;
  /** `process.argv.slice(2)` of the workers. */
  readonly args?: readonly string[] | undefined;
  /** As of `child_process.fork` and `Worker`. */
  readonly execArgv?: readonly string[] | undefined;
  /** As of `child_process.fork` and `Worker`. Default: this process's. */
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** As of `Worker`. Of processes `maxOldGenerationSizeMb` alone. */
  readonly resourceLimits?: ResourceLimits | undefined;
  /** The clock: tests hand over one that they turn themselves. */
  readonly timers?: Timers | undefined;
}

const NAMES = [
  'transport',
  'channelPair',
  'transportModule',
  'size',
  'threads',
  'concurrentTasksPerWorker',
  'maxQueue',
  'retries',
  'maxTasksPerWorker',
  'maxMemoryPerWorker',
  'backOff',
  'readyTimeout',
  'abortGrace',
  'endTimeout',
  'channel',
  'workerChannel',
  'args',
  'execArgv',
  'env',
  'resourceLimits',
  'timers',
] as const satisfies readonly (keyof PoolOptions)[];

/** {@link PoolOptions} with every default filled in. */
export interface PoolSettings extends MechanismOptions {
  /** A `file:` URL. */
  readonly module: string;
  readonly size: number;
  readonly threads: boolean;
  readonly concurrentTasksPerWorker: number;
  readonly maxQueue: number;
  readonly retries: number;
  readonly maxTasksPerWorker: number;
  readonly maxMemoryPerWorker: number;
  readonly firstBackOff: number;
  readonly longestBackOff: number;
  readonly readyTimeout: number;
  readonly abortGrace: number;
  readonly endTimeout: number;
  readonly channel: ChannelSettings;
  readonly workerChannel: ChannelSettings;
  readonly args: readonly string[];
  /** `undefined`: as Node has it. */
  readonly execArgv: readonly string[] | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly resourceLimits: ResourceLimits;
  readonly timers: Timers;
}

const LONGEST = 0x7fffffff;

/** @throws `INVALID_ARGUMENT`. */
export function checkPoolOptions(
  module: string | URL,
  given: PoolOptions | undefined,
): PoolSettings {
  const options = checkOptions(given, NAMES);
  const { threads = false, backOff, resourceLimits = {} } = options;
  if (typeof threads !== 'boolean') throw invalidArgument('threads', threads, 'true or false');
  const { first, longest } = checkOptions(backOff, ['first', 'longest']);
  checkOptions(resourceLimits);
  const channel = checkOptions(options.channel);
  return {
    transport: options.transport,
    channelPair: options.channelPair,
    transportModule: options.transportModule,
    module: fileUrlOf(module),
    size: checkOptionalInteger('size', options.size, availableParallelism(), 1, 4096),
    threads,
    concurrentTasksPerWorker: count('concurrentTasksPerWorker', options, 1, 1),
    maxQueue: count('maxQueue', options, Number.POSITIVE_INFINITY, 0),
    retries: count('retries', options, 0, 0),
    maxTasksPerWorker: count('maxTasksPerWorker', options, Number.POSITIVE_INFINITY, 1),
    maxMemoryPerWorker: count('maxMemoryPerWorker', options, Number.POSITIVE_INFINITY, 1),
    firstBackOff: checkOptionalInteger('backOff.first', first, 100, 0, LONGEST),
    longestBackOff: checkOptionalInteger('backOff.longest', longest, 30_000, 0, LONGEST),
    readyTimeout: milliseconds('readyTimeout', options, 30_000),
    abortGrace: milliseconds('abortGrace', options, 100),
    endTimeout: milliseconds('endTimeout', options, 1000),
    channel,
    workerChannel: checkOptions(options.workerChannel ?? channel),
    args: listOfStrings('args', options.args),
    execArgv: options.execArgv && listOfStrings('execArgv', options.execArgv),
    env: options.env ?? process.env,
    resourceLimits: checkLimits(resourceLimits, threads),
    timers: checkTimers(options.timers),
  };
}

/** `Infinity` is a number of tasks or bytes, too. */
function count(
  name:
    | 'concurrentTasksPerWorker'
    | 'maxQueue'
    | 'retries'
    | 'maxTasksPerWorker'
    | 'maxMemoryPerWorker',
  options: PoolOptions,
  fallback: number,
  minimum: number,
): number {
  const value = options[name] ?? fallback;
  return value === Number.POSITIVE_INFINITY ? value : checkInteger(name, value, minimum);
}

function milliseconds(
  name: 'readyTimeout' | 'abortGrace' | 'endTimeout',
  options: PoolOptions,
  fallback: number,
): number {
  return checkOptionalInteger(name, options[name], fallback, 0, LONGEST);
}

function listOfStrings(name: string, value: readonly string[] = []): readonly string[] {
  if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return value;
  throw invalidArgument(name, value, 'a list of strings');
}

function checkLimits(limits: ResourceLimits, threads: boolean): ResourceLimits {
  const known: readonly string[] = threads
    ? ['maxYoungGenerationSizeMb', 'maxOldGenerationSizeMb', 'codeRangeSizeMb', 'stackSizeMb']
    : ['maxOldGenerationSizeMb'];
  return checkOptions(limits, known as (keyof ResourceLimits)[]);
}

function checkTimers(timers: Timers = realTime): Timers {
  const { now, setTimeout, clearTimeout } = checkOptions(timers);
  if ([now, setTimeout, clearTimeout].every((each) => typeof each === 'function')) return timers;
  throw invalidArgument('timers', timers, 'a clock with now, setTimeout and clearTimeout');
}

/** A path counts from the working directory, as with `child_process.fork`. */
function fileUrlOf(module: string | URL): string {
  const isUrl = typeof module === 'object' && module !== null && typeof module.href === 'string';
  if (isUrl) return (module as URL).href;
  if (typeof module !== 'string' || module === '') {
    throw invalidArgument('module', module, 'a path or a URL');
  }
  return module.startsWith('file:') ? module : pathToFileURL(resolve(module)).href;
}
