import { constants } from 'node:os';
import { describe, expect, test } from 'vitest';
import { SpliceWorkers } from '../dist/drivers/splice-workers.js';

const hasFfi = process.getBuiltinModule('node:ffi') !== undefined;

describe('threads for splice', () => {
  test.skipIf(hasFfi)(
    'that end before they have an answer are a failed call, and nothing uncaught (11.3)',
    async () => {
      // Without node:ffi such a thread fails as soon as it begins.
      const workers = new SpliceWorkers();
      const results = Array.from({ length: 9 }, () => workers.splice(-1, -1, 1, 0));
      expect(new Set(await Promise.all(results))).toEqual(new Set([-constants.errno.EIO]));
    },
  );
});
