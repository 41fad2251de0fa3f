import { ControlMemory, Doorbell } from '@pageferry/connection';
import { UnixSocket } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { Child, expectNothingLeft } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';

const calls = loadLinuxCalls();
const PROGRAM = new URL('./peers/racer.mjs', import.meta.url);
const ROUNDS = 3_000_000;
/** On a machine that is busy otherwise there are fewer rounds. */
const SECONDS = 8;
const LEAST = 50_000;
/** Far more than it takes: both sides sleep for ever once a wake-up is lost. */
const LIMIT = 120_000;

describe('two processes that race parking against publishing', () => {
  expectNothingLeft();

  test(
    'wake each other, millions of times, and miss not one',
    async () => {
      const { memory, fd } = ControlMemory.create(calls, 2);
      memory.close();
      const bells = [Doorbell.create(calls), Doorbell.create(calls)];
      const sockets = UnixSocket.pair(calls);
      const [sender, receiver] = (['send', 'receive'] as const).map((role, side) => {
        const descriptors = [fd, ...bells.map((bell) => bell.fd), sockets[side] as UnixSocket];
        return new Child(
          PROGRAM,
          [role, String(ROUNDS), String(SECONDS)],
          descriptors.map((descriptor) => descriptor.fd),
        );
      }) as [Child, Child];
      for (const owned of [fd, ...bells, ...sockets]) owned.close();
      await using _sender = sender;
      await using _receiver = receiver;
      for (const child of [receiver, sender]) {
        expect(await child.message()).toBe('ready');
        child.send('go');
      }
      for (const child of [sender, receiver]) {
        const outcome = (await child.message()) as { rounds: number; slept: number };
        expect(outcome.rounds).toBeGreaterThanOrEqual(LEAST);
        // A side that never slept was never woken.
        expect(outcome.slept).toBeGreaterThan(outcome.rounds / 100);
        expect(await child.exit).toBe(0);
      }
    },
    LIMIT,
  );
});
