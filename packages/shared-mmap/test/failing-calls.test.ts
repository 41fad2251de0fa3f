import { Child } from '@pageferry/testkit';
import { expect, test } from 'vitest';

test('whatever system call fails, when it does: nothing is uncaught, lent twice or left open (11.3)', async () => {
  await using program = new Child(new URL('./programs/failing-calls.mjs', import.meta.url));
  expect(await program.exit).toBe(0);
}, 240_000);

test('nor with channels', async () => {
  await using program = new Child(new URL('./programs/failing-channels.mjs', import.meta.url));
  expect(await program.exit).toBe(0);
}, 240_000);
