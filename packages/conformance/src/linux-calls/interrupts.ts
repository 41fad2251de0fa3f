import { readdirSync, readFileSync } from 'node:fs';
import { EINTR, POLLIN } from '@pageferry/linux';
import { describe, expect, test } from 'vitest';
import type { SuiteContext } from './registration.js';
import { writeText } from './support/bytes.js';
import { turns, until } from './support/event-loop.js';
import { Peer } from './support/peer.js';
import { useResources } from './support/resources.js';

// Numbers of the system calls, which glibc's poll and splice make: `asm/unistd.h`.
const ON_X64 = process.arch === 'x64';
const SYS_POLL = ON_X64 ? 7 : 73;
const SYS_SPLICE = ON_X64 ? 275 : 76;

/** Whether a thread of the process is inside of that system call. */
function isInside(pid: number, systemCall: number): boolean {
  return readdirSync(`/proc/${pid}/task`).some((thread) => {
    const present = readFileSync(`/proc/${pid}/task/${thread}/syscall`, 'latin1');
    return Number.parseInt(present, 10) === systemCall;
  });
}

/** Whether a signal waits for the process to take it. */
function hasPendingSignal(pid: number): boolean {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  return /^ShdPnd:\s*0*[1-9a-f]/m.test(status);
}

/** Signals that arrive while a call waits. */
export function describeInterrupts({ calls, moduleUrl }: SuiteContext): void {
  describe('interrupted calls', () => {
    const resources = useResources(calls);

    async function interrupt(peer: Peer, systemCall: number, times: number): Promise<void> {
      await peer.message();
      await until(() => isInside(peer.pid, systemCall));
      for (let count = 0; count < times; count++) {
        peer.signal('SIGUSR2');
        await until(() => !hasPendingSignal(peer.pid));
        await until(() => isInside(peer.pid, systemCall));
      }
    }

    test('poll without a limit goes on after signals, until there is something to tell', async () => {
      const [readEnd, writeEnd] = resources.pipe();
      const options = { moduleUrl, scenario: 'poll-without-limit', descriptor: readEnd };
      await using peer = Peer.start('blocking', options);
      await interrupt(peer, SYS_POLL, 5);
      writeText(calls, writeEnd, 'x');
      expect(await peer.message()).toEqual({ result: POLLIN, interrupted: true });
      await peer.exit;
    });

    test('poll that does not wait is not ended by signals: it has no time to lose', async () => {
      const [readEnd] = resources.pipe();
      const options = { moduleUrl, scenario: 'poll-among-signals', descriptor: readEnd };
      await using peer = Peer.start('blocking', options);
      await peer.message();
      let answered = false;
      const results = peer.message().finally(() => {
        answered = true;
      });
      while (!answered) {
        peer.signal('SIGUSR2');
        await turns(1);
      }
      expect(await results).toEqual([0]);
      await peer.exit;
    });

    test('poll with a limit ends with EINTR, as its time would start over', async () => {
      const [readEnd] = resources.pipe();
      const options = { moduleUrl, scenario: 'poll-with-limit', descriptor: readEnd };
      await using peer = Peer.start('blocking', options);
      await peer.message();
      await until(() => isInside(peer.pid, SYS_POLL));
      peer.signal('SIGUSR2');
      expect(await peer.message()).toEqual({ result: -EINTR, interrupted: true });
      await peer.exit;
    });

    test.each(['poll-many-with-limit', 'poll-many-without-limit'])(
      '%s ends with EINTR: its caller has other things to look after',
      async (scenario) => {
        const [readEnd] = resources.pipe();
        await using peer = Peer.start('blocking', { moduleUrl, scenario, descriptor: readEnd });
        await peer.message();
        await until(() => isInside(peer.pid, SYS_POLL));
        peer.signal('SIGUSR2');
        expect(await peer.message()).toEqual({ result: -EINTR, interrupted: true });
        await peer.exit;
      },
    );

    test('a call on another thread goes on after signals', async () => {
      const [readEnd, writeEnd] = resources.pipe();
      const options = { moduleUrl, scenario: 'splice-on-thread', descriptor: readEnd };
      await using peer = Peer.start('blocking', options);
      await interrupt(peer, SYS_SPLICE, 20);
      writeText(calls, writeEnd, 'at last');
      expect(await peer.message()).toEqual({ result: 7, interrupted: true });
      await peer.exit;
    });
  });
}
