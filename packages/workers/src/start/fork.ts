import type { StdioOptions } from 'node:child_process';
import { type ChildProcess, type ForkOptions, fork as forkOfNode } from 'node:child_process';
import process from 'node:process';
import {
  abortedError,
  checkOptionalInteger,
  checkOptions,
  invalidArgument,
  isAbortSignal,
} from '@pageferry/core';
import type { Port } from '@pageferry/messages';
import { awaitChild } from './await-child.js';
import { environmentWith } from './invitation.js';
import { Life } from './life.js';
import type { ChannelSettings, MechanismOptions } from './mechanism.js';
import { type Meeting, openMeeting } from './meeting.js';
import { realTime, type Timers } from './timers.js';

/** What {@link fork} and {@link forkThread} take beyond what Node does. */
export interface ChildOptions<Child> extends MechanismOptions {
  /** What this side of the channel takes, for example `{ poolBytes }`. */
  readonly channel?: ChannelSettings | undefined;
  /** What the child's side takes, where `parentPort` is not given anything else. */
  readonly childChannel?: ChannelSettings | undefined;
  /** After how many milliseconds a child that has not called `parentPort()` is ended. No limit by default. */
  readonly readyTimeout?: number | undefined;
  /** Called when the child has started, before it has connected: for listeners that are to miss nothing. */
  readonly onStart?: ((child: Child) => void) | undefined;
}

/** A child process, and the port to it. */
export interface ForkedProcess extends ChildProcess {
  /** Values to and from the child. Its death ends the port with `PEER_DIED`, which has `exitCode` or `signalCode`. */
  readonly port: Port;
}

/** Options of {@link fork}: all of `child_process.fork`, and where the port comes from. */
export interface ForkProcessOptions extends ForkOptions, ChildOptions<ChildProcess> {}

/**
 * As `child_process.fork`, with a port to the child, which gets its end from `parentPort()`. Resolves once the child has
 * called that. `send`, `on('message')`, `signal`, `serialization` and `stdio` are Node's.
 *
 * Ownership: the child is the caller's, and so is the port, which is to be closed as any other. If this rejects, there
 * is no child any more.
 *
 * @param module as Node takes it: a path, or a `file:` URL.
 * @throws `PEER_DIED` with `exitCode` or `signalCode` if the child ends before it has connected; `ABORTED`; `TIMEOUT`
 *   after `readyTimeout`; `INVALID_ARGUMENT`; `NOT_SUPPORTED` without a transport; what `child_process.fork` throws; and
 *   as `Transport.listen`.
 * @example
 * const child = await fork(new URL('./child.js', import.meta.url));
 * await child.port.send({ pixels });
 */
export function fork(module: string | URL, options?: ForkProcessOptions): Promise<ForkedProcess>;
export function fork(
  module: string | URL,
  args?: readonly string[],
  options?: ForkProcessOptions,
): Promise<ForkedProcess>;
export async function fork(
  module: string | URL,
  argsOrOptions: readonly string[] | ForkProcessOptions = [],
  optionsAfterArgs?: ForkProcessOptions,
): Promise<ForkedProcess> {
  const isList = Array.isArray(argsOrOptions);
  const args = isList ? (argsOrOptions as readonly string[]) : [];
  const options = isList ? optionsAfterArgs : (argsOrOptions as ForkProcessOptions);
  const { child, port } = await startProcess(module, args, options ?? {}, realTime);
  return Object.defineProperty(child, 'port', { value: port, enumerable: true }) as ForkedProcess;
}

/** A child process that has connected. */
export interface StartedProcess {
  readonly child: ChildProcess;
  readonly port: Port;
  readonly life: Life;
}

/** {@link fork}, by a clock that the caller gives. */
export async function startProcess(
  module: string | URL,
  args: readonly string[],
  options: ForkProcessOptions,
  timers: Timers,
): Promise<StartedProcess> {
  const {
    transport,
    channelPair,
    transportModule,
    channel,
    childChannel,
    readyTimeout,
    onStart,
    ...nodes
  } = checkChildOptions(options);
  const meeting = await openMeeting({ transport, channelPair, transportModule }, channel);
  let child: ChildProcess;
  try {
    const { signal } = nodes;
    if (signal?.aborted) throw abortedError(signal.reason);
    child = forkOfNode(module, args, withInvitation(nodes, meeting, childChannel));
  } catch (error) {
    await meeting.close();
    throw error;
  }
  const life = Life.ofProcess(child);
  meeting.leave();
  const abandon = (): void => undefined;
  const kill = (): void => void child.kill('SIGKILL');
  try {
    onStart?.(child);
  } catch (error) {
    kill();
    await life.ended;
    await meeting.close();
    throw error;
  }
  const { signal } = nodes;
  const port = await awaitChild({ meeting, abandon, life, kill, signal, readyTimeout, timers });
  return { child, port, life };
}

/** @throws `INVALID_ARGUMENT`. */
export function checkChildOptions<
  T extends ChildOptions<never> & { readonly signal?: AbortSignal | undefined },
>(given: T): T {
  const options = checkOptions(given);
  checkOptions(options.channel);
  checkOptions(options.childChannel);
  checkOptionalInteger('readyTimeout', options.readyTimeout, 0, 0, 0x7fffffff);
  const { onStart, signal } = options;
  if (onStart !== undefined && typeof onStart !== 'function') {
    throw invalidArgument('onStart', onStart, 'a function');
  }
  if (signal !== undefined && !isAbortSignal(signal)) {
    throw invalidArgument('signal', signal, 'an AbortSignal');
  }
  return options;
}

/** Node's options, with the child's end behind all other descriptors, and a word of it in the environment. */
function withInvitation(
  options: ForkOptions,
  meeting: Meeting,
  channel: ChannelSettings | undefined,
): ForkOptions {
  const { descriptor, transport, module } = meeting;
  const stdio = listOf(options);
  const endpoint = meeting.endpointWith(stdio.length);
  return {
    ...options,
    stdio: descriptor === undefined ? stdio : [...stdio, descriptor],
    env: environmentWith(options.env ?? process.env, {
      endpoint,
      transport: transport.name,
      module,
      channel,
    }),
  };
}

/** As `child_process.fork` has them: `silent`, a word for all, or a list with `'ipc'` in it. */
function listOf({ stdio, silent }: ForkOptions): Exclude<StdioOptions, string> {
  if (Array.isArray(stdio)) return stdio;
  const each = stdio ?? (silent === true ? 'pipe' : 'inherit');
  return [each as 'pipe', each as 'pipe', each as 'pipe', 'ipc'];
}
