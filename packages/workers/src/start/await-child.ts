import { abortedError, clock, isPageferryError, onAbort, timeoutError } from '@pageferry/core';
import { createPort, type Port } from '@pageferry/messages';
import { ChildsChannel } from './childs-channel.js';
import type { Life } from './life.js';
import type { Meeting } from './meeting.js';
import type { Timers } from './timers.js';

/** What {@link awaitChild} needs to know. */
export interface Awaited {
  readonly meeting: Meeting;
  /** Has the child's end closed, unless the child has it. Called once the child has ended. */
  readonly abandon: () => void;
  readonly life: Life;
  /** Ends the child at once. */
  readonly kill: () => void;
  readonly signal: AbortSignal | undefined;
  /** In milliseconds; `undefined` for no limit. */
  readonly readyTimeout: number | undefined;
  readonly timers: Timers;
}

/** For how long a child that has ended may turn out to have connected before, in milliseconds. */
const LAST_LOOK = 100;

/**
 * Waits until a child that was started has connected. If it does not, it is ended, and nothing of it is left.
 *
 * @throws `PEER_DIED` with how it has ended, `ABORTED`, `TIMEOUT`.
 */
export async function awaitChild(awaited: Awaited): Promise<Port> {
  const { meeting, abandon, life, kill, signal, readyTimeout, timers } = awaited;
  const given = new AbortController();
  let lastLook: NodeJS.Timeout | undefined;
  let isOver = false;
  void life.ended.then((ending) => {
    if (isOver) return;
    abandon();
    lastLook = clock.setTimeout(() => given.abort(life.died(ending)), LAST_LOOK);
  });
  const forget = onAbort(signal, () => given.abort(abortedError(signal?.reason)));
  if (signal?.aborted) given.abort(abortedError(signal.reason));
  const timer =
    readyTimeout === undefined
      ? undefined
      : timers.setTimeout(() => {
          given.abort(timeoutError(readyTimeout, `${life.who} has not called parentPort()`));
        }, readyTimeout);
  try {
    const channel = await meeting.accept({ signal: given.signal });
    return createPort(new ChildsChannel(channel, life));
  } catch (error) {
    kill();
    const ending = await life.ended;
    await meeting.close();
    if (given.signal.aborted) throw given.signal.reason;
    throw isPageferryError(error, 'PEER_DIED') ? life.died(ending) : error;
  } finally {
    isOver = true;
    clock.clearTimeout(lastLook);
    forget();
    if (timer !== undefined) timers.clearTimeout(timer);
  }
}
