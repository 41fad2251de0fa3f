import type { LinuxCalls } from '@pageferry/linux';
import { memoryFile, SIZE_SEALS } from './memory.js';

/** Opens what is passed in the place of memory, a bell or a pipe. */
export const FALSE_DESCRIPTORS: readonly ((calls: LinuxCalls) => number)[] = [
  (calls) => calls.eventfd(0, 0),
  (calls) => calls.eventfd(0xffffffff, 1), // Counts down.
  (calls) => calls.socket(1, 1, 0),
  (calls) => memoryFile(calls, 0, SIZE_SEALS),
  (calls) => memoryFile(calls, 53_248, 0),
  (calls) => memoryFile(calls, 53_248, SIZE_SEALS),
  (calls) => memoryFile(calls, 2 ** 33, SIZE_SEALS),
  (calls) => calls.duplicate(0, 0),
  (calls) => endOfPipe(calls, 0),
  (calls) => endOfPipe(calls, 1),
];

/** One end of a pipe, of which the other one is closed. */
function endOfPipe(calls: LinuxCalls, which: 0 | 1): number {
  const ends = new Int32Array(2);
  calls.pipe2(ends, 0);
  calls.close(ends[1 - which] as number);
  return ends[which] as number;
}
