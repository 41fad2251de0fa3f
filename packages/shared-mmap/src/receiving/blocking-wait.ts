import { type ReceiverConnection, yieldProcessor } from '@pageferry/connection';
import { clock } from '@pageferry/core';
import { EINTR, type LinuxCalls, POLLIN, systemCallError } from '@pageferry/linux';

/** How many looks fit between two looks at the clock: a microsecond or so. */
const LOOKS = 64;

/** For how long to look without offering the processor to others, in milliseconds. */
const EAGER = 0.02;

/**
 * For how long to sleep at a stretch, in milliseconds: who is in the kernel cannot be terminated. Back in
 * JavaScript, a thread that is to end does.
 */
const SLICE = 50;

/**
 * Blocks this thread until something may have happened on a connection: a message, the end, or the
 * sender's death; or until `deadline`, in milliseconds of the clock.
 *
 * @throws `SYSTEM_CALL_FAILED`.
 */
export function blockUntilNews(
  calls: LinuxCalls,
  connection: ReceiverConnection,
  spinMicroseconds: number,
  deadline: number,
): void {
  const hasNews = (): boolean =>
    connection.deliveries.known() !== 0 || connection.finished || connection.isCutOff;
  const start = clock.now();
  const spinEnd = Math.min(start + spinMicroseconds / 1000, deadline);
  for (let now = start; now < spinEnd; now = clock.now()) {
    for (let look = 0; look < LOOKS; look++) if (hasNews()) return;
    if (now - start > EAGER && yieldProcessor(calls)) break;
  }
  connection.park();
  if (hasNews() || connection.checkPeer()) return;
  const { bell, socket } = connection.waitable;
  const entries = new Int32Array([bell.fd.fd, POLLIN, socket.fd, POLLIN]);
  let ready: number;
  do {
    const left = Math.max(deadline - clock.now(), 0);
    ready = calls.pollMany(entries, 2, Math.ceil(Math.min(left, SLICE)));
  } while (ready === 0 && clock.now() < deadline);
  if (ready < 0 && ready !== -EINTR) throw systemCallError('poll', ready);
  if ((entries[1] as number) >>> 16 !== 0) {
    bell.drain();
    connection.believeRing();
  }
  connection.checkPeer();
}
