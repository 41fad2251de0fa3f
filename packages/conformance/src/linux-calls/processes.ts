import { EINVAL, ENOSYS, ESRCH, POLLIN } from '@pageferry/linux';
import { describe, expect, test } from 'vitest';
import type { SuiteContext } from './registration.js';
import { Peer } from './support/peer.js';
import { isCloseOnExec } from './support/process-state.js';
import { useResources } from './support/resources.js';
import { useWatchers } from './support/watchers.js';

/** pidfdOpen. */
export function describeProcesses({ calls, moduleUrl }: SuiteContext): void {
  /** A process id that is nobody's: the kernel gives out none as large. */
  const NOBODY = 2 ** 30;

  describe('processes', () => {
    const resources = useResources(calls);
    const { firstEvent } = useWatchers(calls);
    const isKnown = calls.pidfdOpen(NOBODY, 0) !== -ENOSYS;

    test.runIf(isKnown)(
      'a descriptor of a process is ready once it has ended (11.29)',
      async () => {
        await using peer = Peer.start('connecting', { moduleUrl, scenario: 'connect' });
        const fd = resources.own(calls.pidfdOpen(peer.pid, 0));
        expect(isCloseOnExec(fd)).toBe(true);
        expect(calls.poll(fd, POLLIN, 0)).toBe(0);
        const ended = firstEvent(fd, POLLIN);
        peer.signal('SIGKILL');
        const { error, revents } = await ended;
        expect({ error, revents: revents & POLLIN }).toEqual({ error: 0, revents: POLLIN });
        await peer.exit;
      },
    );

    test.runIf(isKnown)('nobody answers ESRCH, and what is no process id EINVAL', () => {
      expect(calls.pidfdOpen(NOBODY, 0)).toBe(-ESRCH);
      expect(calls.pidfdOpen(0, 0)).toBe(-EINVAL);
      expect(calls.pidfdOpen(process.pid, 1)).toBe(-EINVAL);
    });
  });
}
