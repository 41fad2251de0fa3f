import type { DeliverySource, ReceiverConnection } from '@pageferry/connection';
import { clock } from '@pageferry/core';
import { EINTR, type LinuxCalls, POLLIN, spin, systemCallError } from '@pageferry/linux';

/**
 * For how long to sleep at a stretch, in milliseconds: who is in the kernel cannot be terminated. Back in
 * JavaScript, a thread that is to end does.
 */
const SLICE = 50;

/**
 * Blocks this thread until something may have happened on a connection: a message, the end, or the
 * sender's death; or until `deadline`, in milliseconds of the clock.
 *
 * @param park says that this side parks.
 * @param threadBell a descriptor that is rung by other threads of this process, if there are such.
 * @throws `SYSTEM_CALL_FAILED`.
 */
export function blockUntilNews(
  calls: LinuxCalls,
  connection: ReceiverConnection<DeliverySource>,
  park: () => void,
  spinMicroseconds: number,
  deadline: number,
  threadBell = -1,
): void {
  const hasNews = (): boolean =>
    connection.deliveries.known() !== 0 || connection.finished || connection.isCutOff;
  if (spin(calls, hasNews, Math.min(spinMicroseconds / 1000, deadline - clock.now()))) return;
  park();
  if (hasNews() || connection.checkPeer()) return;
  const { bell, socket } = connection.waitable;
  // A negative descriptor is passed over, poll(2).
  const entries = Int32Array.of(bell.fd.fd, POLLIN, socket.fd, POLLIN, threadBell, POLLIN);
  let ready: number;
  do {
    const left = Math.max(deadline - clock.now(), 0);
    ready = calls.pollMany(entries, 3, Math.ceil(Math.min(left, SLICE)));
  } while (ready === 0 && clock.now() < deadline);
  if (ready < 0 && ready !== -EINTR) throw systemCallError('poll', ready);
  if ((entries[1] as number) >>> 16 !== 0) {
    bell.drain();
    connection.believeRing();
  }
  connection.checkPeer();
}
