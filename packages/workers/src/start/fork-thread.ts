import { fstatSync } from 'node:fs';
import { Worker, type WorkerOptions } from 'node:worker_threads';
import { abortedError, onAbort } from '@pageferry/core';
import type { Port } from '@pageferry/messages';
import { awaitChild } from './await-child.js';
import { type ChildOptions, checkChildOptions } from './fork.js';
import { type Invitation, inviting } from './invitation.js';
import { Life } from './life.js';
import type { ChannelSettings } from './mechanism.js';
import { type Meeting, openMeeting } from './meeting.js';
import { realTime, type Timers } from './timers.js';

/** A worker thread, and the port to it. */
export interface ForkedThread extends Worker {
  /**
   * Values to and from the thread. Its end ends the port with `PEER_DIED`, which has `exitCode`, and what the thread has not
   * caught as its `cause`.
   */
  readonly port: Port;
}

/** Options of {@link forkThread}: all of `Worker`, and where the port comes from. */
export interface ForkThreadOptions extends WorkerOptions, ChildOptions<Worker> {
  /** Terminates the thread when it fires. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * A `Worker` of `node:worker_threads` with a port to it: the thread gets its end from `parentPort()` of this package.
 * Resolves once it has called that. `postMessage` and `on('message')` are Node's.
 *
 * What the thread does not catch is an `'error'` of the worker, as always; without a listener for that it is told by the
 * port alone.
 *
 * @param module as `Worker` takes it: a path, or a `file:` URL.
 * @throws as `fork`, and what the constructor of `Worker` throws.
 */
export async function forkThread(
  module: string | URL,
  options: ForkThreadOptions = {},
): Promise<ForkedThread> {
  const { worker, port } = await startThread(module, options, realTime);
  return Object.defineProperty(worker, 'port', { value: port, enumerable: true }) as ForkedThread;
}

/** A thread that has connected. */
export interface StartedThread {
  readonly worker: Worker;
  readonly port: Port;
  readonly life: Life;
}

/** {@link forkThread}, by a clock that the caller gives. */
export async function startThread(
  module: string | URL,
  options: ForkThreadOptions,
  timers: Timers,
): Promise<StartedThread> {
  const {
    transport,
    channelPair,
    transportModule,
    channel,
    childChannel,
    readyTimeout,
    onStart,
    signal,
    ...nodes
  } = checkChildOptions(options);
  const meeting = await openMeeting({ transport, channelPair, transportModule }, channel);
  const taken = new SharedArrayBuffer(4);
  const { descriptor } = meeting;
  const before = identityOf(descriptor);
  let worker: Worker;
  try {
    if (signal?.aborted) throw abortedError(signal.reason);
    worker = inviting(invitationTo(meeting, taken, childChannel), () => new Worker(module, nodes));
  } catch (error) {
    meeting.leave();
    await meeting.close();
    throw error;
  }
  const life = Life.ofThread(worker);
  const kill = (): void => void worker.terminate();
  // The descriptor is this process's, and the thread's from a moment on that the thread tells. One that has ended closed what
  // was its own: what is there still it had not got to.
  const abandon = (): void => {
    const isTaken = Atomics.load(new Int32Array(taken), 0) === 1;
    if (isTaken && identityOf(descriptor) !== before) meeting.giveAway();
    else meeting.leave();
  };
  const forget = onAbort(signal, kill);
  void life.ended.then(forget);
  try {
    onStart?.(worker);
  } catch (error) {
    kill();
    await life.ended;
    abandon();
    await meeting.close();
    throw error;
  }
  const port = await awaitChild({ meeting, abandon, life, kill, signal, readyTimeout, timers });
  meeting.giveAway();
  return { worker, port, life };
}

/** Which file a descriptor is of; `undefined` if it is of none. */
function identityOf(descriptor: number | undefined): string | undefined {
  if (descriptor === undefined) return undefined;
  try {
    const { dev, ino } = fstatSync(descriptor, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return undefined; // It is closed.
  }
}

function invitationTo(
  meeting: Meeting,
  taken: SharedArrayBuffer,
  channel: ChannelSettings | undefined,
): Invitation {
  const { transport, module, descriptor } = meeting;
  return {
    endpoint: meeting.endpointWith(descriptor ?? 0),
    transport: transport.name,
    module,
    channel,
    taken,
  };
}
