import { Child } from '@pageferry/testkit';
import { expect, test } from 'vitest';

test.each(['listener', 'caller'])(
  'whatever system call fails on a channel over which the %s sends: nothing is uncaught, lent twice or left open',
  async (sends) => {
    const program = new URL('./programs/failing-channels.mjs', import.meta.url);
    await using child = new Child(program, [sends]);
    expect(await child.exit).toBe(0);
  },
  240_000,
);
