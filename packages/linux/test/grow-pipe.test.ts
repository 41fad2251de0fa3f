import { EBADF, EPERM, growPipe } from '@pageferry/linux';
import { describe, expect, test } from 'vitest';
import { fakeCalls } from './fake-calls.js';

const PRESENT = 65536;

/** A pipe of 64 KiB that may grow to `limit` bytes. */
function pipeThatGrowsTo(limit: number) {
  return fakeCalls({
    getPipeSize: () => PRESENT,
    setPipeSize: (_, byteLength) => (byteLength > limit ? -EPERM : byteLength),
  });
}

describe('a pipe grows', () => {
  test('to the size that was wanted', () => {
    expect(growPipe(pipeThatGrowsTo(1 << 20).calls, 3, 1 << 20)).toBe(1 << 20);
  });

  test('as far as the kernel lets it', () => {
    expect(growPipe(pipeThatGrowsTo(1 << 18).calls, 3, 1 << 20)).toBe(1 << 18);
  });

  test('not at all where the kernel does not let it', () => {
    expect(growPipe(pipeThatGrowsTo(0).calls, 3, 1 << 20)).toBe(PRESENT);
  });

  test('to what the kernel makes of the size that was wanted', () => {
    const { calls } = fakeCalls({ getPipeSize: () => PRESENT, setPipeSize: () => 1 << 17 });
    expect(growPipe(calls, 3, 100_000)).toBe(1 << 17);
  });

  test('never smaller', () => {
    const { calls, made } = pipeThatGrowsTo(1 << 20);
    expect(growPipe(calls, 3, 4096)).toBe(PRESENT);
    expect(made.map(([name]) => name)).toEqual(['getPipeSize']);
  });

  test('only if it is a pipe', () => {
    const { calls } = fakeCalls({ getPipeSize: () => -EBADF });
    expect(() => growPipe(calls, 3, 4096)).toThrow(
      expect.objectContaining({ code: 'SYSTEM_CALL_FAILED', errnoName: 'EBADF' }),
    );
  });
});
