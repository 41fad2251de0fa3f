import { existsSync, rmdirSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import process from 'node:process';
import { isMainThread } from 'node:worker_threads';
import {
  type Channel,
  EndpointPath,
  onAbort,
  PageferryError,
  pauseFor,
  probeSocketFile,
} from '@pageferry/core';

/**
 * Connects to a parent that listens at a path. Who connects waits until somebody listens there; but a parent listens before
 * it starts its child. So where Node's own channel to it has closed and nobody listens, it has died, and nobody ever will:
 * what it has left at the path is removed.
 *
 * @param given the caller's signal.
 * @throws `PEER_DIED` if the parent is gone, and as `start`.
 */
export async function connectToParent(
  endpoint: string,
  given: AbortSignal | undefined,
  start: (signal: AbortSignal | undefined) => Promise<Channel>,
): Promise<Channel> {
  // A thread dies with its parent. Of a pair of sockets the kernel closes the other end.
  if (!isAtPath(endpoint)) return start(given);
  const stop = new AbortController();
  const forget = onAbort(given, () => stop.abort(given?.reason));
  if (given?.aborted) stop.abort(given.reason);
  let isOrphan = false;
  const onDisconnect = async (): Promise<void> => {
    if (await mayListen(endpoint)) return;
    isOrphan = true;
    stop.abort();
  };
  process.once('disconnect', onDisconnect);
  if (process.connected === false) void onDisconnect();
  try {
    return await start(stop.signal);
  } catch (error) {
    if (!isOrphan) throw error;
    removeMeeting(endpoint);
    throw new PageferryError('PEER_DIED', 'the parent has died before this process has connected');
  } finally {
    process.off('disconnect', onDisconnect);
    forget();
  }
}

/** A word that nobody else has, to wait at. */
const NOBODYS = new Int32Array(new SharedArrayBuffer(4));

/** For how long a process that exits at once looks whether its parent is gone, in milliseconds. Each look takes one. */
const LOOKS = 100;

/** How often to ask whether a parent still listens, in milliseconds. */
const PAUSE = 5;

/**
 * Has the place where they have met removed when this process ends after its parent, which would have done that itself. While
 * the parent lives it is not touched: it watches its endpoint.
 */
export function removeIfParentDies(endpoint: string, channel: Channel): void {
  if (!isAtPath(endpoint)) return;
  process.once('beforeExit', () => {
    if (hasEnded(channel)) void leaveMeeting(endpoint);
  });
  const { ppid } = process;
  // A program that exits by `process.exit` leaves no time to ask. When a process is killed its sockets close first: a little
  // later its children get another parent. And one that closes in order removes the place.
  process.once('exit', () => {
    const isGone = (): boolean => process.connected !== true || process.ppid !== ppid;
    const mayEnd = hasEnded(channel);
    for (let look = 0; mayEnd && look < LOOKS && !isGone() && existsSync(endpoint); look++) {
      Atomics.wait(NOBODYS, 0, 0, 1);
    }
    if (isGone()) removeMeeting(endpoint);
  });
}

/** After the channel has ended: waits until the parent has removed the place where they have met, and does so if it has died. */
export async function leaveMeeting(endpoint: string): Promise<void> {
  while (isAtPath(endpoint) && existsSync(endpoint)) {
    if (!(await mayListen(endpoint))) return removeMeeting(endpoint);
    await pauseFor(PAUSE);
  }
}

/** Whether nothing more comes over a channel, be it that its other side has died. */
function hasEnded(channel: Channel): boolean {
  try {
    channel.tryReceive()?.release();
    return channel.ended;
  } catch {
    return true;
  }
}

function isAtPath(endpoint: string): boolean {
  return isMainThread && !endpoint.startsWith('fd:');
}

/** A parent that cannot be asked may live. */
async function mayListen(path: string): Promise<boolean> {
  const state = await probeSocketFile(new EndpointPath(path)).catch(() => 'live');
  return state === 'live';
}

/** Removes the file that parent and child meet at, and the folder that was made for it. */
export function removeMeeting(endpoint: string): void {
  for (const remove of [() => unlinkSync(endpoint), () => rmdirSync(dirname(endpoint))]) {
    try {
      remove();
    } catch {
      // It is gone, or somebody has put something into the folder, which is not ours then.
    }
  }
}
