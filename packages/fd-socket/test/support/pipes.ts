import { createPipe, type LinuxCalls, type OwnedFd } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { atEnd } from './cleanup.js';

/** Calls of the test's own, whichever binding is tested. */
export const calls: LinuxCalls = loadLinuxCalls();

/** A pipe, closed at the end of the test. */
export function openPipe(): { readEnd: OwnedFd; writeEnd: OwnedFd } {
  const pipe = createPipe(calls);
  atEnd(() => {
    pipe.readEnd.close();
    pipe.writeEnd.close();
  });
  return pipe;
}

/** True once nobody has the write end any more, in whatever process. */
export async function writersGone(readEnd: OwnedFd): Promise<boolean> {
  const POLLHUP = 0x10;
  for (let turn = 0; turn < 5000; turn++) {
    if ((calls.poll(readEnd.fd, 1, 0) & POLLHUP) !== 0) return true;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return false;
}

/** Which file a descriptor is of. */
export function identityOf(fd: number): string {
  const status = new BigInt64Array(6);
  calls.fstat(fd, status);
  return `${status[0]}:${status[1]}`;
}
