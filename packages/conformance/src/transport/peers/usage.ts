import { readdirSync, readFileSync } from 'node:fs';
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
    mappings: countFileMappings(),
    timers: process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length,
  };
}

/** How many lines of proc_pid_maps(5) have an inode. */
function countFileMappings(): number {
  const lines = readFileSync('/proc/self/maps', 'utf8').split('\n');
  return lines.filter((line) => Number(line.split(/ +/)[4] ?? 0) > 0).length;
}
