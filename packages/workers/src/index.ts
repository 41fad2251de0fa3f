/**
 * `@pageferry/workers`: child processes and worker threads with a port to each, and pools of them. It stands on channels
 * and on `@pageferry/messages`; which transport carries them is the caller's choice, or whichever is installed.
 *
 * @packageDocumentation
 */
export {
  type ChildOptions,
  type ForkedProcess,
  type ForkProcessOptions,
  fork,
} from './start/fork.js';
export { type ForkedThread, type ForkThreadOptions, forkThread } from './start/fork-thread.js';
export type { ChannelPair, ChannelSettings, MechanismOptions } from './start/mechanism.js';
export { type ParentPortOptions, parentPort } from './start/parent-port.js';
