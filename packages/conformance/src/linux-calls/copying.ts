import { EFAULT, EINVAL, ENOSYS } from '@pageferry/linux';
import { describe, expect, test } from 'vitest';
import type { SuiteContext } from './registration.js';

const LENGTH = 4096;

/** copyPastCache, of a binding that has it; of one that has not, that it touches nothing. */
export function describeCopying({ calls }: SuiteContext): void {
  const isMissing = calls.copyPastCache(new Uint8Array(1), 0, 1, new Uint8Array(1), 0, 1) !== 0;

  /** What a copy is to make of `target`, beside what it has made of it. */
  function copied(
    target: Uint8Array,
    to: number,
    source: Uint8Array,
    from: number,
    length: number,
  ): { result: number; expected: Uint8Array } {
    const expected = target.slice();
    if (!isMissing) expected.set(source.slice(from, from + length), to);
    const result = calls.copyPastCache(target, to, length, source, from, length);
    return { result, expected };
  }

  describe('copying past the cache', () => {
    const outcome = isMissing ? -ENOSYS : 0;
    const source = Uint8Array.from({ length: LENGTH }, (_, index) => index % 251);

    test('copies every byte and no other, wherever both begin and end', () => {
      for (let to = 0; to < 70; to += 3) {
        for (const [from, length] of [0, 1, 15, 16, 63, 64, 65, 127, 128, 1000].entries()) {
          const target = new Uint8Array(LENGTH).fill(255);
          const { result, expected } = copied(target, to, source, from, length);
          expect(result).toBe(outcome);
          expect(target).toEqual(expected);
        }
      }
    });

    test.each([1, 64, 1000])(
      'ranges that overlap are copied as by set, %i bytes apart',
      (apart) => {
        for (const [to, from] of [
          [apart, 0],
          [0, apart],
        ] as const) {
          const bytes = source.slice();
          const { result, expected } = copied(bytes, to, bytes, from, 2000);
          expect(result).toBe(outcome);
          expect(bytes).toEqual(expected);
        }
      },
    );

    test('ranges of different lengths answer EINVAL, and ranges outside of the bytes EFAULT', () => {
      const target = new Uint8Array(16);
      expect(calls.copyPastCache(target, 0, 8, source, 0, 9)).toBe(isMissing ? -ENOSYS : -EINVAL);
      expect(calls.copyPastCache(target, 9, 8, source, 0, 8)).toBe(-EFAULT);
      expect(calls.copyPastCache(target, 0, 8, source, LENGTH - 7, 8)).toBe(-EFAULT);
      expect(calls.copyPastCache(target, -1, 8, source, 0, 8)).toBe(-EFAULT);
      expect(target).toEqual(new Uint8Array(16));
    });
  });
}
