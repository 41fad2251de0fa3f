import type { LinuxCalls } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { expectNothingLeft, turns } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { LIMIT, openStage, trySend, until } from './support/stage.js';

/** Calls that count how often each of them is made. */
function counting(): { readonly calls: LinuxCalls; made(): number } {
  const real = loadLinuxCalls();
  let made = 0;
  const calls = { ...real };
  for (const [name, call] of Object.entries(real)) {
    if (typeof call !== 'function') continue;
    Object.assign(calls, {
      [name]: (...words: unknown[]) => {
        made++;
        return (call as (...words: unknown[]) => unknown)(...words);
      },
    });
  }
  return { calls, made: () => made };
}

describe('an idle sender and an idle receiver', () => {
  expectNothingLeft();

  test('make no system call while they wait, however long that is', async () => {
    const [senders, receivers] = [counting(), counting()];
    await using stage = await openStage({ binding: senders.calls, poolBytes: 4096 }, [
      { binding: receivers.calls },
    ]);
    expect(trySend(stage.sender, 4096, 1)).toBe('sent');
    const first = await stage.receiver.receive(LIMIT);
    const waiting = [stage.receiver.receive(), stage.sender.loan(4096)] as const;
    // They poll for a while at first, then park: from then on nothing happens any more.
    let before = -1;
    await until(() => {
      const now = senders.made() + receivers.made();
      const settled = now === before;
      before = now;
      return settled && stage.sender.stats().bytesOut === 4096;
    });
    await turns(50);
    const made = [senders.made(), receivers.made()];
    await turns(1000);
    expect([senders.made(), receivers.made()]).toEqual(made);
    first?.release();
    (await waiting[1]).release();
    trySend(stage.sender, 10, 2);
    expect((await waiting[0])?.bytes[0]).toBe(2);
  });

  test('leave their event loop asleep: it is not what keeps the process busy', async () => {
    await using stage = await openStage({ poolBytes: 4096 });
    trySend(stage.sender, 4096, 1);
    const first = await stage.receiver.receive(LIMIT);
    const waiting = [stage.receiver.receive(), stage.sender.loan(4096)] as const;
    await turns(1000);
    // The loop sleeps until the timer: had anybody work to do in each of its turns, it would not.
    const turnsTaken = await turnsDuring(100);
    expect(turnsTaken).toBeLessThan(50);
    first?.release();
    (await waiting[1]).release();
    trySend(stage.sender, 10, 2);
    await waiting[0];
  });

  test('make no system call for a message while both are awake', async () => {
    const [senders, receivers] = [counting(), counting()];
    await using stage = await openStage({ binding: senders.calls }, [{ binding: receivers.calls }]);
    const exchange = (): void => {
      for (let message = 0; message < 1000; message++) {
        trySend(stage.sender, 10 + message, message);
        stage.receiver.tryReceive()?.release();
      }
    };
    // The memory is cut anew for ever other lengths. Once each part was a slot, it has its buffer.
    for (let time = 0; time < 20; time++) exchange();
    const made = [senders.made(), receivers.made()];
    exchange();
    expect([senders.made(), receivers.made()]).toEqual(made);
  });
});

/** How often the event loop turns while a timer of so many milliseconds runs. */
async function turnsDuring(milliseconds: number): Promise<number> {
  const { performance } = await import('node:perf_hooks');
  const before = performance.nodeTiming as unknown as {
    readonly uvMetricsInfo?: { loopCount: number };
  };
  const start = before.uvMetricsInfo?.loopCount ?? 0;
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
  return ((performance.nodeTiming as typeof before).uvMetricsInfo?.loopCount ?? 0) - start;
}
