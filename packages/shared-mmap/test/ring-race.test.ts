import { ControlMemory } from '@pageferry/connection';
import { EINVAL, F_SEAL_FUTURE_WRITE, registerGlobalExpedited } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { expectNoLostWakeUp, expectNothingLeft, RACE_LIMIT } from '@pageferry/testkit';
import { describe, test } from 'vitest';
import { RingMemory } from '../dist/memory/ring-memory.js';
import { callsWith } from './support/stage.js';

const calls = loadLinuxCalls();
const PROGRAM = new URL('./peers/ring-racer.mjs', import.meta.url);
const CAPACITY = 2;

/** As a kernel before 5.1. */
const withoutSealOnWriting = callsWith({
  addSeals: (fd, seals) =>
    (seals & F_SEAL_FUTURE_WRITE) !== 0 ? -EINVAL : calls.addSeals(fd, seals),
});

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
        await expectNoLostWakeUp(calls, PROGRAM, fd, [ringFd], [String(CAPACITY)]);
      },
      RACE_LIMIT,
    );
  },
);
