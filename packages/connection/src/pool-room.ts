import { PageferryError } from '@pageferry/core';
import { type MemoryRoom, readMemoryRoom } from '@pageferry/linux';

let warned = false;

/**
 * Makes sure that a pool can be had. A process that goes beyond the limit of its control group is
 * killed: no allocation fails first, so that there is nothing to be told later.
 *
 * What exceeds only what is left gets a process warning (`PAGEFERRY_MEMORY_LIMIT`), once: others may
 * give memory back, and a pool need not become as large as it may.
 *
 * @param memoryBytes how much memory a pool of so many bytes may take up.
 * @throws `INVALID_ARGUMENT` for `poolBytes` if the pool alone exceeds the limit.
 */
export function checkPoolFits(
  poolBytes: number,
  memoryBytes: number = poolBytes,
  room: MemoryRoom | undefined = readMemoryRoom(),
): void {
  if (room === undefined) return;
  const { limitBytes, leftBytes, file } = room;
  if (poolBytes > limitBytes) {
    const words = `poolBytes is ${poolBytes}, and the memory limit of this process is ${limitBytes} bytes (${file}): it would be killed before the pool is full; give fewer, or raise the limit`;
    throw new PageferryError('INVALID_ARGUMENT', words, { argument: 'poolBytes' });
  }
  if (memoryBytes <= leftBytes || warned) return;
  warned = true;
  process.emitWarning(
    `a pool of ${poolBytes} bytes may take up ${memoryBytes}, more than the ${Math.max(0, leftBytes)} bytes that are left below the memory limit of this process (${file}): it would be killed then; give fewer poolBytes, or raise the limit`,
    'PageferryWarning',
    'PAGEFERRY_MEMORY_LIMIT',
  );
}
