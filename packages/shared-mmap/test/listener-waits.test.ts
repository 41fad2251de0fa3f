import { sharedMmap } from '@pageferry/shared-mmap';
import { expectNothingLeft, temporaryFolder } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';

const { fresh } = temporaryFolder();

describe('a listener that waits for a message', () => {
  expectNothingLeft();

  test.each(['close', 'destroy'] as const)('still waits after a %s of a channel', async (how) => {
    const endpoint = fresh();
    await using listener = await sharedMmap.listen({ endpoint });
    const receiving = listener.receive();
    const left = new Promise((resolve) => listener.on('leave', resolve));
    const channel = await sharedMmap.connect({ endpoint });
    await channel[how]();
    await left;
    await using next = await sharedMmap.connect({ endpoint });
    expect(await next.send(Buffer.from('still there?'))).toBe('sent');
    using message = await receiving;
    expect(message?.copy().toString()).toBe('still there?');
  });
});
