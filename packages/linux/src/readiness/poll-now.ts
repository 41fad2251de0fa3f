import { checkResult } from '../calls/errors.js';
import type { WaitingCalls } from '../calls/waiting-calls.js';

/**
 * Which of `events` hold for `fd` at this moment (poll(2) without waiting). `POLLERR`, `POLLHUP` and
 * `POLLNVAL` may be among them unasked.
 *
 * @throws `SYSTEM_CALL_FAILED` if the call fails: a negative result must never be taken for events,
 *   because as a set of bits it has nearly all of them.
 */
export function pollNow(calls: Pick<WaitingCalls, 'poll'>, fd: number, events: number): number {
  return checkResult(calls.poll(fd, events, 0), 'poll');
}
