import { readdirSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { UsageReport } from './api.js';

/** What this process uses, once everything that nobody refers to any more is gone. */
export async function measureUsage(): Promise<UsageReport> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  // Memory outside the heap is freed a turn after its owner was collected.
  for (let round = 0; round < 3; round++) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return {
    pid: process.pid,
    descriptors: readdirSync('/proc/self/fd').length,
    residentBytes: process.memoryUsage.rss(),
  };
}
