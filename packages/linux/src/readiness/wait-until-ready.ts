import { onAbort } from '@pageferry/core';
import { EBADF, POLLNVAL } from '../calls/constants.js';
import { systemCallError } from '../calls/errors.js';
import type { LinuxCalls } from '../calls/linux-calls.js';
import type { DescriptorWatcher } from '../calls/watcher.js';
import { OwnedFd } from '../resources/owned-fd.js';
import { pollNow } from './poll-now.js';
import { spin } from './spin.js';

/**
 * Waits until `fd` is ready for `events`: looks again and again for a bounded time (poll(2)), then
 * watches on the event loop.
 *
 * Works for descriptors that Node or another wait watches already: it watches a duplicate.
 *
 * @param spinMicroseconds how long to look before parking; the event loop is held for that long.
 * @param onWatch gets the watcher, should it come to that: for who decides whether it keeps the event
 *   loop alive.
 * @returns the events that hold; `POLLERR` and `POLLHUP` may be among them unasked.
 * @throws `signal.reason`, `SYSTEM_CALL_FAILED` (`EPERM` for regular files, which are always ready).
 */
export async function waitUntilReady(
  calls: LinuxCalls,
  fd: number,
  events: number,
  spinMicroseconds: number,
  signal?: AbortSignal,
  onWatch?: (watcher: DescriptorWatcher) => void,
): Promise<number> {
  if (signal?.aborted) throw signal.reason;
  let revents = 0;
  const isReady = (): boolean => {
    revents = pollNow(calls, fd, events);
    if ((revents & POLLNVAL) !== 0) throw systemCallError('poll', -EBADF);
    return revents !== 0;
  };
  if (spin(calls, isReady, spinMicroseconds / 1000)) return revents;

  const watched = OwnedFd.duplicateOf(calls, fd);
  try {
    return await nextEvent(calls, watched.fd, events, signal, onWatch);
  } finally {
    watched.close();
  }
}

function nextEvent(
  calls: LinuxCalls,
  fd: number,
  events: number,
  signal: AbortSignal | undefined,
  onWatch: ((watcher: DescriptorWatcher) => void) | undefined,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void): void => {
      watcher.close();
      forget();
      settle();
    };
    const started = calls.watch(fd, events, (error, revents) => {
      finish(() => (error < 0 ? reject(systemCallError('epoll_wait', error)) : resolve(revents)));
    });
    if (typeof started === 'number') {
      reject(systemCallError('epoll_ctl', started));
      return;
    }
    const watcher: DescriptorWatcher = started;
    onWatch?.(watcher);
    const forget = onAbort(signal, () => finish(() => reject(signal?.reason)));
  });
}
