import type { LinuxCalls } from '@pageferry/linux';
import { afterAll, describe, expect, test } from 'vitest';
import { Child } from './child.js';
import type { Family } from './family.js';
import { temporaryFolder } from './folder.js';
import { expectNothingLeft } from './process-state.js';

const PROGRAM = new URL('./programs/forker.js', import.meta.url);
const LIMIT = { timeout: 10_000 };

/** Whether the kernel has pidfd_open(2). */
function hasProcessDescriptors(calls: LinuxCalls): boolean {
  const fd = calls.pidfdOpen(process.pid, 0);
  if (fd >= 0) calls.close(fd);
  return fd >= 0;
}

/** What holds for a transport whose receiver has forked a child, which has its descriptors. */
export function describeForks({
  transport,
  moduleUrl,
  exportName,
  calls,
  openSocketPair,
}: Family): void {
  const folder = temporaryFolder();
  const orphans: number[] = [];
  afterAll(() => {
    for (const orphan of orphans) process.kill(orphan, 'SIGKILL');
  });

  describe.runIf(hasProcessDescriptors(calls))('a receiver that has forked (Linux 5.3)', () => {
    expectNothingLeft();

    test.each(['a path', 'an inherited socket'])(
      'and is killed is gone, though its child lives, over %s (11.29)',
      async (where) => {
        const pair = where === 'a path' ? undefined : openSocketPair(calls);
        const endpoint = pair === undefined ? folder.fresh() : `fd:${pair.ours.release()}`;
        const words = [moduleUrl, exportName, pair === undefined ? endpoint : 'fd:4'];
        await using receiver = new Child(
          PROGRAM,
          words,
          pair === undefined ? [] : [pair.childs.fd],
        );
        pair?.childs.close();
        await using sender = await transport.createSender({ endpoint });
        await sender.waitForReceivers(1, LIMIT);
        await sender.send(new Uint8Array(5000), LIMIT);
        orphans.push((await receiver.message()) as number);
        expect(sender.receivers.length).toBe(1);
        await receiver.end('SIGKILL');
        while (sender.receivers.length > 0) await new Promise(setImmediate);
        expect(sender.stats().bytesOut).toBe(0);
        expect(process.kill(orphans.at(-1) as number, 0)).toBe(true);
      },
    );
  });
}
