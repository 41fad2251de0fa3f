import { ControlMemory } from '@pageferry/connection';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { expectNoLostWakeUp, expectNothingLeft, RACE_LIMIT } from '@pageferry/testkit';
import { describe, test } from 'vitest';

const calls = loadLinuxCalls();
const PROGRAM = new URL('./peers/racer.mjs', import.meta.url);

describe('two processes that race parking against publishing', () => {
  expectNothingLeft();

  test(
    'wake each other, millions of times, and miss not one',
    async () => {
      const { memory, fd } = ControlMemory.create(calls, 2);
      memory.close();
      await expectNoLostWakeUp(calls, PROGRAM, fd);
    },
    RACE_LIMIT,
  );
});
