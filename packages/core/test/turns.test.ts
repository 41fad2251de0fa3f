import { lastInNextTurn, nextTurn } from '@pageferry/core';
import { expect, test } from 'vitest';

test('who goes on last in a turn goes on after all that others do in it', async () => {
  const steps: string[] = [];
  const others = async (name: string): Promise<void> => {
    await nextTurn();
    for (let step = 0; step < 5; step++) {
      await null;
      steps.push(name);
    }
  };
  const last = lastInNextTurn().then(() => steps.push('last'));
  await Promise.all([others('one'), others('other'), last]);
  expect(steps.at(-1)).toBe('last');
  expect(steps).toHaveLength(11);
});

test('who asks in a turn for the end of the next one gets that, and not of this one', async () => {
  let turns = 0;
  const count = (): void => {
    turns++;
    if (turns < 10) setImmediate(count);
  };
  setImmediate(count);
  const first = nextTurn();
  const asked = lastInNextTurn();
  await first;
  const before = turns;
  await lastInNextTurn();
  expect(turns).toBeGreaterThan(before);
  await asked;
});
