import { MADV_DONTNEED, MADV_HUGEPAGE } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { collectGarbage } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { PagePool, type Slot } from '../dist/memory/page-pool.js';
import { callsWith } from './support/pair.js';

const real = loadLinuxCalls();
const MEBIBYTE = 1024 * 1024;

function take(pool: PagePool, byteLength: number): Slot {
  const slot = pool.take(byteLength);
  if (slot === undefined) throw new Error(`no room for ${byteLength} bytes`);
  return slot;
}

/** How many mappings are live, and how many bytes of them have pages that are not spare. */
function countingCalls() {
  let live = 0;
  let pages = 0;
  const calls = callsWith({
    mmap: (...words) => {
      live++;
      return real.mmap(...words);
    },
    munmap: (...words) => {
      live--;
      return real.munmap(...words);
    },
    munmapLater: (buffer) => {
      live--;
      return real.munmapLater(buffer);
    },
    madvise: (buffer, offset, length, advice) => {
      if (advice === MADV_HUGEPAGE) pages += length;
      if (advice === MADV_DONTNEED) pages -= length;
      return real.madvise(buffer, offset, length, advice);
    },
  });
  return { calls, live: () => live, pages: () => pages };
}

describe('a page pool', () => {
  test('lends page-aligned memory of exactly the length that was asked for', () => {
    using pool = new PagePool(real, 64 * MEBIBYTE);
    for (const length of [
      1,
      4095,
      4096,
      4097,
      MEBIBYTE,
      2 * MEBIBYTE,
      2 * MEBIBYTE + 1,
      5_000_000,
    ]) {
      const { bytes } = take(pool, length);
      const address = real.addressOf(bytes.buffer as ArrayBuffer) + BigInt(bytes.byteOffset);
      expect(bytes.length).toBe(length);
      expect(address % 4096n).toBe(0n);
    }
  });

  test('lends no byte twice at the same time', () => {
    using pool = new PagePool(real, 64 * MEBIBYTE);
    const slots = Array.from({ length: 200 }, (_, index) => take(pool, 1 + index * 321));
    for (const [index, slot] of slots.entries()) slot.bytes.fill(index);
    for (const [index, slot] of slots.entries()) {
      expect(slot.bytes.every((byte) => byte === index)).toBe(true);
    }
  });

  test('lends the slot that came back last', () => {
    using pool = new PagePool(real, 64 * MEBIBYTE);
    const [first, second] = [take(pool, 4096), take(pool, 4096)];
    pool.giveBack(first);
    pool.giveBack(second);
    expect(take(pool, 4096)).toBe(second);
    expect(take(pool, 4096)).toBe(first);
  });

  test('lends no more than its limit, except one larger slot when nothing is out', () => {
    using pool = new PagePool(real, MEBIBYTE);
    const large = take(pool, 3 * MEBIBYTE);
    expect(pool.take(1)).toBeUndefined();
    pool.giveBack(large);
    const small = take(pool, 1);
    expect(pool.take(3 * MEBIBYTE)).toBeUndefined();
    expect(pool.take(MEBIBYTE)).toBeUndefined();
    pool.giveBack(small);
    expect(pool.take(MEBIBYTE)).toBeDefined();
  });

  test('counts a message of no bytes as nothing', () => {
    using pool = new PagePool(real, 1);
    const slots = [take(pool, 0), take(pool, 0), take(pool, 1), take(pool, 0)];
    expect(slots.map(({ bytes }) => bytes.length)).toEqual([0, 0, 1, 0]);
  });

  test('replaces pages that may still be referenced, and no others', () => {
    const replaced: number[] = [];
    const calls = callsWith({
      madvise: (buffer, offset, length, advice) => {
        if (advice === MADV_DONTNEED) replaced.push(length);
        return real.madvise(buffer, offset, length, advice);
      },
    });
    using pool = new PagePool(calls, MEBIBYTE);
    const slot = take(pool, 8192);
    slot.bytes.fill(7);
    pool.giveBack(slot);
    expect(take(pool, 8192).bytes[0]).toBe(7);
    slot.referenced = true;
    pool.giveBack(slot);
    expect(replaced).toEqual([8192]);
    expect(take(pool, 8192).bytes[0]).toBe(0);
  });

  test('gives back the pages that it has no room to keep, and everything at the end', () => {
    const { calls, live, pages } = countingCalls();
    const pool = new PagePool(calls, 8 * MEBIBYTE);
    for (let length = 3; length < 120; length += 4) {
      pool.giveBack(take(pool, length * MEBIBYTE));
      expect(pages()).toBeLessThanOrEqual(8 * MEBIBYTE);
    }
    // Addresses are kept, but not without end.
    expect(live()).toBeLessThanOrEqual(18);
    const kept = take(pool, MEBIBYTE).bytes.fill(7);
    pool.close();
    expect(live()).toBe(0);
    expect(kept.every((byte) => byte === 7)).toBe(true);
  });

  test('uses the same buffers again for what it does not keep, with fresh pages', () => {
    const { calls, live } = countingCalls();
    using pool = new PagePool(calls, MEBIBYTE);
    const slot = take(pool, 8 * MEBIBYTE);
    const { buffer } = slot.bytes.fill(7);
    pool.giveBack(slot);
    const again = take(pool, 8 * MEBIBYTE);
    expect(again.bytes.buffer).toBe(buffer);
    expect([again.bytes[0], live()]).toEqual([0, 1]);
  });

  test('replaces what a program has detached, and keeps a view that it cannot (11.7)', () => {
    using pool = new PagePool(real, MEBIBYTE);
    const slot = take(pool, 100);
    const stream = (bytes: Uint8Array<ArrayBuffer>) =>
      new ReadableStream({ type: 'bytes', start: (controller) => controller.enqueue(bytes) });
    stream(slot.bytes as Uint8Array<ArrayBuffer>);
    expect([slot.bytes.length, slot.inner.length]).toEqual([100, 100]);
    slot.bytes[5] = 9;
    expect(slot.inner[5]).toBe(9);
  });
});

describe('a slot that is abandoned', () => {
  /** What slots of a page are lent next, until one of them is `place`; none of them comes back. */
  function lendUntil(pool: PagePool, place: string): boolean {
    const lent = Array.from({ length: 1000 }, () => take(pool, 4096));
    const found = lent.some((slot) => placeOf(slot) === place);
    for (const slot of lent) pool.giveBack(slot);
    return found;
  }

  function placeOf({ inner }: Slot): string {
    return `${real.addressOf(inner.buffer)}+${inner.byteOffset}`;
  }

  /** Abandons a slot. Returns what a program was shown, and where the slot is. */
  function abandonOne(pool: PagePool): { shown: Uint8Array; place: string } {
    const slot = take(pool, 4096);
    const shown = slot.bytes;
    pool.abandon(slot);
    return { shown, place: placeOf(slot) };
  }

  test('counts no more, and is lent to nobody while a program can write to it', async () => {
    using pool = new PagePool(real, 64 * MEBIBYTE);
    const { shown, place } = abandonOne(pool);
    expect(pool.bytesOut).toBe(0);
    collectGarbage();
    await new Promise(setImmediate);
    expect(lendUntil(pool, place)).toBe(false);
    expect(shown.fill(1)).toHaveLength(4096);
  });

  test('is lent again once nobody can', async () => {
    using pool = new PagePool(real, 64 * MEBIBYTE);
    const { place } = abandonOne(pool);
    for (let turn = 0; turn < 20 && !lendUntil(pool, place); turn++) {
      collectGarbage();
      await new Promise(setImmediate);
    }
    expect(lendUntil(pool, place)).toBe(true);
    expect(pool.bytesOut).toBe(0);
  });

  test('is never lent again if another API has taken over what the program was shown', async () => {
    using pool = new PagePool(real, 64 * MEBIBYTE);
    const slot = take(pool, 4096);
    const place = placeOf(slot);
    const taken = structuredClone(slot.bytes.buffer, { transfer: [slot.bytes.buffer] });
    pool.abandon(slot);
    collectGarbage();
    await new Promise(setImmediate);
    expect(lendUntil(pool, place)).toBe(false);
    expect(taken.byteLength).toBe(4096);
  });
});

test('pages that cannot be replaced are not lent again, and their room is given back (11.3)', () => {
  const calls = callsWith({
    madvise: (buffer, offset, length, advice) =>
      advice === MADV_DONTNEED ? -5 : real.madvise(buffer, offset, length, advice),
  });
  using pool = new PagePool(calls, MEBIBYTE);
  const lent = new Set<string>();
  for (let time = 0; time < 500; time++) {
    const slot = take(pool, 4096);
    const { buffer, byteOffset } = slot.bytes;
    const place = `${real.addressOf(buffer as ArrayBuffer)}+${byteOffset}`;
    expect(lent.has(place)).toBe(false);
    lent.add(place);
    slot.referenced = true;
    pool.giveBack(slot);
    expect(pool.bytesOut).toBe(0);
  }
});
