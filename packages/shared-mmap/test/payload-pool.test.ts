import { nextTurn } from '@pageferry/core';
import { ENOSPC } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { countDescriptors, expectNothingLeft, withCode } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { PayloadPool } from '../dist/memory/payload-pool.js';
import type { Slot } from '../dist/memory/slot.js';
import { seededRandom } from './support/random.js';
import { callsWith, isFilled, KIB, MIB } from './support/stage.js';

const calls = loadLinuxCalls();
const never = () => false;
const always = () => true;

const openPool = (poolBytes: number, guard = false): PayloadPool =>
  new PayloadPool({ calls, poolBytes, writable: false, guard });

/** A pool of which so many bytes were allocated, on a machine that has no more. */
function openFull(poolBytes: number, allocated: number): PayloadPool {
  let isFull = false;
  const refusing = callsWith({
    fallocate: (...given) => (isFull ? -ENOSPC : calls.fallocate(...given)),
  });
  const pool = new PayloadPool({ calls: refusing, poolBytes, writable: false, guard: false });
  expect(pool.grow(allocated, never)).toBe(true);
  isFull = true;
  return pool;
}

function take(pool: PayloadPool, byteLength: number): Slot {
  const slot = pool.take(byteLength, never);
  if (typeof slot !== 'object') throw new Error(`${byteLength} bytes: ${slot}`);
  return slot;
}

/** How far slots that touch or nearly do are from each other, from the first to the last. */
function pagesApart(slots: readonly Slot[]): number[] {
  const offsets = slots.map(({ offset }) => offset).sort((one, other) => one - other);
  return offsets.slice(1).map((offset, index) => (offset - (offsets[index] ?? 0)) / 4096);
}

describe('a payload pool', () => {
  expectNothingLeft();

  test('lends exactly the bytes that were asked for, on a cache line or a page', () => {
    using pool = openPool(4 * MIB);
    for (const length of [0, 1, 63, 64, 65, 4095, 4096, 4097, MIB]) {
      const slot = take(pool, length);
      expect(slot.own).toBeUndefined();
      expect(slot.bytes.length).toBe(length);
      const alignment = length < 4096 ? 64 : 4096;
      const address = calls.addressOf(slot.bytes.buffer as ArrayBuffer);
      expect((Number(address) + slot.bytes.byteOffset) % alignment).toBe(0);
      expect(slot.byteLength - length).toBeLessThan(alignment + Number(length === 0));
    }
  });

  test('lends the slot that came back last first', () => {
    using pool = openPool(MIB);
    const [first, second] = [take(pool, 1000), take(pool, 1000)];
    pool.giveBack(first);
    pool.giveBack(second);
    expect([take(pool, 1000), take(pool, 1000)]).toEqual([second, first]);
  });

  test('uses a slot again for another length of the same size', () => {
    using pool = openPool(MIB);
    const slot = take(pool, 1000);
    pool.giveBack(slot);
    expect(take(pool, 990)).toBe(slot);
    expect(slot.bytes.length).toBe(990);
  });

  test('is whole again after all of it was lent in small parts', () => {
    using pool = openPool(MIB);
    const slots = Array.from({ length: 256 }, () => take(pool, 4096));
    expect(pool.take(1, never)).toBeUndefined();
    for (const slot of slots) pool.giveBack(slot);
    const whole = take(pool, MIB);
    expect([whole.own, whole.offset]).toEqual([undefined, 0]);
  });

  test('gives memory of its own to what would fit, but not at a stretch', () => {
    using pool = openPool(64 * KIB);
    const slots = Array.from({ length: 16 }, () => take(pool, 4096));
    for (const [index, slot] of slots.entries()) if (index % 2 === 0) pool.giveBack(slot);
    const slot = take(pool, 8192);
    expect(slot.own).toBeDefined();
    expect(pool.bytesOut).toBe(8 * 4096 + 8192);
  });

  test('allocates memory of their own for two that ask in turn, one after the other', () => {
    using pool = openPool(64 * KIB);
    // Each is asked for once in a turn, and a turn is not enough for it.
    const wanted = new Set([MIB, 2 * MIB, 3 * MIB]);
    for (let turn = 0; turn < 100 && wanted.size > 0; turn++) {
      for (const length of wanted) {
        const slot = pool.take(length, always);
        if (typeof slot !== 'object') continue;
        expect(slot.bytes.length).toBe(length);
        pool.giveBack(slot);
        wanted.delete(length);
      }
    }
    expect(wanted).toEqual(new Set());
  });

  test('gives up what it allocates for one that does not ask any more', async () => {
    using pool = openPool(64 * KIB);
    expect(pool.take(3 * MIB, always)).toBe('growing');
    let slot: Slot | 'growing' | undefined = 'growing';
    // Somebody who waits looks once in each turn of the event loop.
    for (let turn = 0; turn < 30 && slot === 'growing'; turn++) {
      slot = pool.take(2 * MIB, always);
      await nextTurn();
    }
    expect(slot).toBeTypeOf('object');
    pool.giveBack(slot as Slot);
    // Somebody who polls lets the event loop wait.
    expect(pool.take(3 * MIB, always)).toBe('growing');
    slot = 'growing';
    for (let look = 0; look < 1e6 && slot === 'growing'; look++) slot = pool.take(2 * MIB, always);
    expect(slot).toBeTypeOf('object');
    pool.giveBack(slot as Slot);
    expect(take(pool, 3 * MIB).bytes.length).toBe(3 * MIB);
  });

  test('gives memory of its own to one message that is larger than all of it, and only to one', () => {
    using pool = openPool(64 * KIB);
    const small = take(pool, 1);
    expect(pool.take(65 * KIB, never)).toBeUndefined();
    pool.giveBack(small);
    const descriptors = countDescriptors();
    const large = take(pool, 65 * KIB);
    expect(large.bytes.length).toBe(65 * KIB);
    expect(pool.take(1, never)).toBeUndefined();
    pool.giveBack(large);
    expect(countDescriptors()).toBe(descriptors);
    expect(pool.bytesOut).toBe(0);
  });

  test('lets the event loop turn while it allocates, and goes on where it was', () => {
    using pool = openPool(8 * MIB);
    for (const length of [4 * MIB, 9 * MIB]) {
      let pieces = 0;
      for (let slot = pool.take(length, () => true); slot === 'growing'; pieces++) {
        slot = pool.take(length, () => true);
        if (typeof slot === 'object') pool.giveBack(slot);
      }
      expect(pieces).toBeGreaterThan(4);
    }
    expect(pool.bytesOut).toBe(0);
  });

  test('allocates memory before it lends it, and none that it does not need', () => {
    let allocated = 0;
    const counting = callsWith({
      fallocate: (fd, mode, offset, byteLength) => {
        allocated = Math.max(allocated, offset + byteLength);
        return calls.fallocate(fd, mode, offset, byteLength);
      },
    });
    using pool = new PayloadPool({
      calls: counting,
      poolBytes: 64 * MIB,
      writable: false,
      guard: false,
    });
    for (let round = 0; round < 1000; round++) pool.giveBack(take(pool, 1 + round * 100));
    expect(allocated).toBeGreaterThanOrEqual(100_000);
    expect(allocated).toBeLessThanOrEqual(MIB);
  });

  test('keeps large slots an odd number of pages apart, and still has room for all that it may lend', () => {
    using pool = openPool(16 * MIB);
    const slots = Array.from({ length: 64 }, () => take(pool, 256 * KIB));
    expect(slots.filter(({ own }) => own !== undefined)).toEqual([]);
    expect(pagesApart(slots).filter((pages) => pages % 2 === 0)).toEqual([]);
    expect(pool.take(1, never)).toBeUndefined();
  });

  test('does so in memory that was cut into smaller ones before', () => {
    using pool = openPool(16 * MIB);
    const small = Array.from({ length: 1024 }, () => take(pool, 16 * KIB));
    // The last one stays: what is before it is a hole, not the end.
    for (const slot of small.slice(0, -1)) pool.giveBack(slot);
    const slots = Array.from({ length: 62 }, () => take(pool, 256 * KIB));
    expect(slots.filter(({ own }) => own !== undefined)).toEqual([]);
    expect(pagesApart(slots).filter((pages) => pages % 2 === 0)).toEqual([]);
  });

  test('makes one large slot of those and what is between them, whatever else was lent meanwhile', () => {
    using pool = openPool(16 * MIB);
    const slots = Array.from({ length: 63 }, () => take(pool, 256 * KIB));
    const small = Array.from({ length: 16 }, () => take(pool, 4096));
    for (const slot of slots) pool.giveBack(slot);
    expect(take(pool, 15 * MIB).own).toBeUndefined();
    for (const slot of small) pool.giveBack(slot);
  });

  test('needs no memory that was not allocated beforehand, if that was all of it', () => {
    for (const [limit, size] of [
      [512 * KIB, 512 * KIB],
      [512 * KIB, 256 * KIB],
      [32 * MIB, 256 * KIB],
    ] as const) {
      using pool = openFull(limit, limit);
      const slots = Array.from({ length: limit / size }, () => take(pool, size));
      expect(slots.filter(({ own }) => own !== undefined)).toEqual([]);
      for (const slot of slots) pool.giveBack(slot);
    }
  });

  test('asks for no memory for the sake of a distance alone', () => {
    using pool = openFull(4 * MIB, 512 * KIB);
    const slots = [take(pool, 256 * KIB), take(pool, 256 * KIB)];
    expect(slots.map(({ offset }) => offset)).toEqual([0, 256 * KIB]);
    expect(() => pool.take(256 * KIB, never)).toThrow(withCode('SYSTEM_CALL_FAILED'));
  });

  test('has as many as ever where payload memory can be no longer', () => {
    const most = 4096 * MIB - 2 * MIB;
    // As if all of it were there.
    const calls = callsWith({ fallocate: () => 0, madvise: () => 0 });
    using pool = new PayloadPool({ calls, poolBytes: most, writable: false, guard: false });
    const slots = Array.from({ length: 16 }, () => take(pool, most / 16));
    expect(slots.filter(({ own }) => own !== undefined)).toEqual([]);
    for (const slot of slots) pool.giveBack(slot);
  });

  test.each([1, 2, 3, 4])(
    'never lends the same byte twice, nor more than its limit (seed %i)',
    (seed) => {
      const random = seededRandom(seed);
      const limit = 512 * KIB;
      using pool = openPool(limit);
      const descriptors = countDescriptors();
      const held = new Map<Slot, number>();
      const giveBack = (slot: Slot): void => {
        // What this slot was filled with at first is still there: nobody else has written to it.
        const seal = held.get(slot) as number;
        expect(isFilled(slot.bytes, seal)).toBe(true);
        held.delete(slot);
        pool.giveBack(slot);
      };
      for (let step = 0; step < 3000; step++) {
        const slots = [...held.keys()];
        if (slots.length > 0 && random(100) < 45) {
          giveBack(slots[random(slots.length)] as Slot);
          continue;
        }
        // Small ones mostly, and now and then one that is larger than everything.
        const length = random([64, 5000, 100_000, limit + 5000][Math.min(random(40), 3)] as number);
        const slot = pool.take(length, never);
        if (slot === undefined) continue;
        if (slot === 'growing') throw new Error('it was not to stop');
        slot.bytes.fill(step);
        held.set(slot, step & 255);
        const out = [...held.keys()].reduce((sum, { byteLength }) => sum + byteLength, 0);
        expect(pool.bytesOut).toBe(out);
        if (held.size > 1) expect(out).toBeLessThanOrEqual(limit);
        if (slot.own === undefined) {
          // A page for each 64, which large slots are kept apart by.
          expect(slot.offset + slot.byteLength).toBeLessThanOrEqual((limit * 65) / 64);
        }
      }
      for (const slot of [...held.keys()]) giveBack(slot);
      expect(pool.bytesOut).toBe(0);
      expect(countDescriptors()).toBe(descriptors);
      expect(take(pool, limit)).toMatchObject({ offset: 0, own: undefined });
    },
  );
});
