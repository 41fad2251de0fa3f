import { Child } from '@pageferry/testkit';
import { expect, test } from 'vitest';

test('whatever system call fails on a channel, when it does: nothing is uncaught, lent twice or left open', async () => {
  await using child = new Child(new URL('./programs/failing-channels.mjs', import.meta.url));
  expect(await child.exit).toBe(0);
}, 240_000);
