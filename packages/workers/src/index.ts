/**
 * `@pageferry/workers`: child processes and worker threads with a port to each, and pools of them. It stands on channels
 * and on `@pageferry/messages`; which transport carries them is the caller's choice, or whichever is installed.
 *
 * @packageDocumentation
 */
export type { ComposedTask } from './pool/composed-task.js';
export type { BackOff, PoolOptions } from './pool/options.js';
export {
  type ComposeOptions,
  createPool,
  type Pool,
  type PoolEvents,
  type RunOptions,
} from './pool/pool.js';
export type { WorkerInfo, WorkerState } from './pool/pool-worker.js';
export type { Durations, PoolStats } from './pool/statistics.js';
export type { TaskContext } from './pool/task-context.js';
export {
  type ChildOptions,
  type ForkedProcess,
  type ForkProcessOptions,
  fork,
} from './start/fork.js';
export { type ForkedThread, type ForkThreadOptions, forkThread } from './start/fork-thread.js';
export type { ChannelPair, ChannelSettings, MechanismOptions } from './start/mechanism.js';
export { type ParentPortOptions, parentPort } from './start/parent-port.js';
export type { Timers } from './start/timers.js';
