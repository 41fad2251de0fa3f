import { ControlMemory, Doorbell } from '@pageferry/connection';
import { registerGlobalExpedited, UnixSocket } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { Child, expectNothingLeft } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { RingMemory } from '../dist/memory/ring-memory.js';

const calls = loadLinuxCalls();
const PROGRAM = new URL('./peers/ring-racer.mjs', import.meta.url);
const CAPACITY = 2;
const ROUNDS = 3_000_000;
/** On a machine that is busy otherwise there are fewer rounds. */
const SECONDS = 8;
const LEAST = 50_000;
/** Far more than it takes: both sides sleep for ever once a wake-up is lost. */
const LIMIT = 120_000;

// packages/connection/test/parking-model.test.ts tries every order; this tries the real processor, and V8.
describe.skipIf(!registerGlobalExpedited(calls))(
  'two processes of which the one that parks pays for the barrier',
  () => {
    expectNothingLeft();

    test(
      'wake each other, however they race, and miss not one ring',
      async () => {
        const { memory, fd } = ControlMemory.create(calls, CAPACITY);
        memory.close();
        // The sender here is a child, too: it maps the ring itself, and so nobody may have sealed it.
        const { memory: ring, fd: ringFd } = RingMemory.create(
          withoutSealOnWriting,
          CAPACITY,
          true,
        );
        ring.close();
        const bells = [Doorbell.create(calls), Doorbell.create(calls)];
        const sockets = UnixSocket.pair(calls);
        const [sender, receiver] = (['send', 'receive'] as const).map((role, side) => {
          const owned = [fd, ...bells.map((bell) => bell.fd), sockets[side] as UnixSocket, ringFd];
          return new Child(
            PROGRAM,
            [role, String(ROUNDS), String(SECONDS), String(CAPACITY)],
            owned.map((descriptor) => descriptor.fd),
          );
        }) as [Child, Child];
        for (const owned of [fd, ringFd, ...bells, ...sockets]) owned.close();
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
  },
);

/** As a kernel before 5.1. */
const withoutSealOnWriting = {
  ...calls,
  addSeals: (fd: number, seals: number) => (seals & 0x10 ? -22 : calls.addSeals(fd, seals)),
};
