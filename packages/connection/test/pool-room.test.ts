import { checkPoolFits } from '@pageferry/connection';
import { withCode } from '@pageferry/testkit';
import { afterEach, describe, expect, test, vi } from 'vitest';

const room = { limitBytes: 1000, leftBytes: 600, file: 'memory.max' };

afterEach(() => {
  vi.restoreAllMocks();
});

describe('a pool below a memory limit', () => {
  test('is measured by the memory that it may take up, and its owner warned once', () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    checkPoolFits(600, 600, room);
    checkPoolFits(590, 600, room);
    expect(warn).not.toHaveBeenCalled();
    checkPoolFits(600, 601, room);
    checkPoolFits(600, 601, room);
    expect(warn).toHaveBeenCalledOnce();
    expect(warn).toHaveBeenCalledWith(
      expect.stringContaining('a pool of 600 bytes may take up 601, more than the 600 bytes'),
      'PageferryWarning',
      'PAGEFERRY_MEMORY_LIMIT',
    );
  });

  test('is refused where it exceeds the limit by itself, and not for what it takes besides', () => {
    vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    expect(() => checkPoolFits(1001, 1001, room)).toThrow(withCode('INVALID_ARGUMENT'));
    checkPoolFits(1000, 1016, room);
    checkPoolFits(2000);
  });
});
