import type { Channel, Loan } from '@pageferry/core';
import { sharedMmap } from '@pageferry/shared-mmap';
import { expectNothingLeft, temporaryFolder } from '@pageferry/testkit';
import { expect, test } from 'vitest';

const { fresh } = temporaryFolder();
const MIB = 1024 * 1024;

expectNothingLeft();

test('a large message over a channel lies where the last one did that is back', async () => {
  const endpoint = fresh();
  const listener = await sharedMmap.listen({ endpoint });
  const connecting = sharedMmap.connect({ endpoint, poolBytes: 8 * MIB });
  const there = await listener.accept();
  const here = await connecting;
  try {
    const take = async (loan: Loan): Promise<void> => {
      await loan.send();
      (await there.receive())?.release();
    };
    // Several places are free from here on.
    const first = [await here.loan(MIB), await here.loan(MIB), await here.loan(MIB)];
    for (const loan of first) await take(loan);
    const places = new Set<ArrayBufferLike>();
    for (let count = 0; count < 8; count++) {
      const loan = await here.loan(MIB);
      places.add(loan.bytes.buffer);
      await take(loan);
    }
    expect(places.size).toBe(1);
  } finally {
    await here.destroy();
    await there.destroy();
    await listener.destroy();
  }
});

test('channels that wait at once for more than their pool has, each for another length, all get it', async () => {
  const endpoint = fresh();
  const settings = { endpoint, poolBytes: MIB, spinMicroseconds: 0 };
  const listener = await sharedMmap.listen(settings);
  // None of them is allocated in one turn of the event loop.
  const lengths = [5 * MIB, 6 * MIB, 7 * MIB];
  const far: Channel[] = [];
  const near: Channel[] = [];
  try {
    for (const _ of lengths) {
      const connecting = sharedMmap.connect(settings);
      near.push(await listener.accept());
      far.push(await connecting);
    }
    const borrow = async (length: number, index: number): Promise<number> => {
      const loan = await near[index]?.loan(length, { timeout: 30_000 });
      const lent = loan?.bytes.length ?? 0;
      loan?.release();
      return lent;
    };
    expect(await Promise.all(lengths.map(borrow))).toEqual(lengths);
  } finally {
    for (const channel of [...far, ...near]) await channel.destroy();
    await listener.destroy();
  }
});
