import { loadLinuxCalls } from '@pageferry/linux-napi';
import { exchange, expectNothingLeft, temporaryFolder } from '@pageferry/testkit';
import { createVmspliceTransport } from '@pageferry/vmsplice';
import { describe, expect, test } from 'vitest';
import { callsWith } from './support/pair.js';

const real = loadLinuxCalls();
const folder = temporaryFolder();
const LIMIT = { timeout: 5000 };

/** What the kernel gives a user whose pipes have more pages than the soft limit (pipe(7)). */
const calls = callsWith({
  pipe2: (ends, flags) => {
    const result = real.pipe2(ends, flags);
    if (result === 0) real.setPipeSize(ends[1] as number, 2 * real.pageSize());
    return result;
  },
  setPipeSize: () => -1,
});
const transport = createVmspliceTransport('test', () => calls);

describe('a channel through pipes of two pages', () => {
  expectNothingLeft();

  test('carries in both directions what it carries through larger ones', async () => {
    const endpoint = folder.fresh();
    await using listener = await transport.listen({ endpoint, poolBytes: 1024 * 1024 });
    await using one = await transport.connect({ endpoint, ...LIMIT });
    const other = await listener.accept(LIMIT);
    expect(await Promise.all([exchange(one), exchange(other)])).toEqual([true, true]);
  });
});
