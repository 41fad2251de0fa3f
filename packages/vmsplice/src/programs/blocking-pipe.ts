import { createGrownPipe, type LinuxCalls, largestPipeSize, type Pipe } from '@pageferry/linux';

/**
 * A pipe for a program, grown as far as the kernel allows.
 *
 * @throws `SYSTEM_CALL_FAILED`.
 */
export function openBlockingPipe(calls: LinuxCalls): Pipe {
  const { readEnd, writeEnd } = createGrownPipe(calls, largestPipeSize());
  // Ordinary programs expect blocking ends; everything here works with either.
  for (const end of [readEnd, writeEnd]) calls.setStatusFlags(end.fd, 0);
  return { readEnd, writeEnd };
}
