import { readFileSync, readlinkSync } from 'node:fs';

/**
 * What /proc says of a descriptor of this process: false if it is anything but an eventfd which a single
 * read empties. A timer, an epoll instance, a signal descriptor and others have no file type either, and a
 * semaphore (`EFD_SEMAPHORE`) has as many reads as rings.
 *
 * True where /proc is missing or says nothing: that such a bell does no harm is seen to when it rings.
 */
export function mayBeDoorbell(fd: number): boolean {
  try {
    if (readlinkSync(`/proc/self/fd/${fd}`) !== 'anon_inode:[eventfd]') return false;
    return !/^eventfd-semaphore:\s*1/m.test(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'));
  } catch {
    return true;
  }
}
