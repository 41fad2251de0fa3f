import { readFileSync } from 'node:fs';
import type { Channel, Delivery } from '@pageferry/core';
import { sharedMmap } from '@pageferry/shared-mmap';
import { countDescriptors, expectNothingLeft, temporaryFolder } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';

const { fresh } = temporaryFolder();
const KIB = 1024;

/** Bytes of shared memory of ours that this process maps, but for payload. */
function controlBytes(): number {
  const lines = readFileSync('/proc/self/maps', 'latin1').split('\n');
  const lengths = lines
    .filter((line) => line.includes('/memfd:pageferry-') && !line.includes('pageferry-payload'))
    .map((line) => {
      const [from = '0', to = '0'] = (line.split(' ')[0] ?? '').split('-');
      return Number.parseInt(to, 16) - Number.parseInt(from, 16);
    });
  return lengths.reduce((sum, length) => sum + length, 0);
}

describe('a channel', () => {
  expectNothingLeft();

  test('costs at most 8 descriptors a side, and 128 KiB beside the pools', async () => {
    const endpoint = fresh();
    const before = countDescriptors();
    const listener = await sharedMmap.listen({ endpoint });
    const alone = countDescriptors();
    const channels: Channel[] = [];
    for (let count = 0; count < 4; count++) channels.push(await sharedMmap.connect({ endpoint }));
    await listener.waitForChannels(4, { timeout: 20_000 });
    // Both sides are here. Each connecting side has the memfd of its own pool, too.
    expect(countDescriptors() - alone).toBeLessThanOrEqual(4 * 2 * 8);
    expect(alone - before).toBeLessThanOrEqual(8);
    expect(controlBytes()).toBeLessThanOrEqual(4 * 2 * 128 * KIB);
    for (const channel of channels) await channel.close();
    await listener.close();
  });

  test('that is closed leaves its peer what it holds, though others use the pool', async () => {
    const endpoint = fresh();
    await using listener = await sharedMmap.listen({ endpoint, poolBytes: 64 * KIB });
    await using holder = await sharedMmap.connect({ endpoint });
    const first = await listener.accept();
    await using other = await sharedMmap.connect({ endpoint });
    const second = await listener.accept();
    for (let number = 0; number < 3; number++) {
      await first.send(new Uint8Array(8 * KIB).fill(100 + number));
    }
    const held: Delivery[] = [];
    for (let number = 0; number < 3; number++) held.push((await holder.receive()) as Delivery);
    await first.close();
    // What is left of the pool goes round and round meanwhile.
    for (let round = 0; round < 50; round++) {
      const loan = await second.loan(8 * KIB, { timeout: 10_000 });
      loan.bytes.fill(round);
      await loan.send();
      const delivery = (await other.receive()) as Delivery;
      expect(delivery.bytes.every((byte) => byte === round)).toBe(true);
      delivery.release();
    }
    for (const [number, delivery] of held.entries()) {
      expect(delivery.bytes.every((byte) => byte === 100 + number)).toBe(true);
    }
    expect(second.stats().bytesOut).toBe(3 * 8 * KIB);
    for (const delivery of held) delivery.release();
    // Now all of it is to be had again.
    const all = [];
    for (let loan = second.tryLoan(8 * KIB); loan; loan = second.tryLoan(8 * KIB)) all.push(loan);
    expect(all.length).toBe(8);
    for (const loan of all) loan.release();
    await second.close();
  });

  test('that is closed under a loan has its memory back when that is released', async () => {
    const endpoint = fresh();
    await using listener = await sharedMmap.listen({ endpoint, poolBytes: 64 * KIB });
    await using leaving = await sharedMmap.connect({ endpoint });
    const closed = await listener.accept();
    await using staying = await sharedMmap.connect({ endpoint });
    const open = await listener.accept();
    const loan = await closed.loan(48 * KIB);
    await closed.destroy();
    await leaving.destroy();
    expect(open.tryLoan(32 * KIB)).toBeUndefined();
    const waiting = open.loan(32 * KIB, { timeout: 20_000 });
    loan.release();
    loan.release();
    (await waiting).release();
    expect(open.stats().bytesOut).toBe(0);
    await open.close();
    expect(staying.closed).toBe(false);
  });
});
