import {
  EINVAL,
  ENOSYS,
  EPERM,
  MEMBARRIER_CMD_GLOBAL_EXPEDITED,
  MEMBARRIER_CMD_QUERY,
  MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED,
} from '@pageferry/linux';
import { describe, expect, test } from 'vitest';
import type { SuiteContext } from './registration.js';

/** Answers for what the process has registered, with the bits of the commands; Linux 6.3. */
const MEMBARRIER_CMD_GET_REGISTRATIONS = 512;

/** membarrier. */
export function describeBarriers({ calls }: SuiteContext): void {
  const query = calls.membarrier(MEMBARRIER_CMD_QUERY, 0);
  const has = (command: number): boolean => query > 0 && (query & command) !== 0;

  describe('memory barriers for other processes', () => {
    test('there are commands, or the kernel says that there is no such call (4.3)', () => {
      if (query < 0) expect([-ENOSYS, -EPERM]).toContain(query);
      else expect(query).toBeGreaterThan(0);
    });

    test.runIf(has(MEMBARRIER_CMD_GLOBAL_EXPEDITED))(
      'a process may register for them as often as it likes, and issue them (4.16)',
      () => {
        for (let time = 0; time < 2; time++) {
          expect(calls.membarrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0)).toBe(0);
          expect(calls.membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0)).toBe(0);
        }
      },
    );

    test.runIf(has(MEMBARRIER_CMD_GET_REGISTRATIONS))(
      'what was registered is known to the kernel (6.3)',
      () => {
        calls.membarrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0);
        const registered = calls.membarrier(MEMBARRIER_CMD_GET_REGISTRATIONS, 0);
        expect(registered & MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED).not.toBe(0);
      },
    );

    test.runIf(query >= 0)('an unknown command answers EINVAL, and so do unknown flags', () => {
      expect(calls.membarrier(-1, 0)).toBe(-EINVAL);
      expect(calls.membarrier(2 ** 30, 0)).toBe(-EINVAL);
      expect(calls.membarrier(MEMBARRIER_CMD_QUERY, 2)).toBe(-EINVAL);
      expect(calls.membarrier(MEMBARRIER_CMD_QUERY, -1)).toBe(-EINVAL);
    });
  });
}
