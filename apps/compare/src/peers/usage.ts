import type { Usage } from '../trials/task.js';

/** What this process has used up since it started; see getrusage(2). */
export function usageOfProcess(): Usage {
  const all = process.resourceUsage();
  return {
    cpuMicroseconds: all.userCPUTime + all.systemCPUTime,
    contextSwitches: all.voluntaryContextSwitches + all.involuntaryContextSwitches,
    pageFaults: all.minorPageFault + all.majorPageFault,
    peakRssBytes: all.maxRSS * 1024,
  };
}

/** What was used up between two looks. The peak is that of the process's whole life. */
export function usageBetween(before: Usage, after: Usage): Usage {
  return {
    cpuMicroseconds: after.cpuMicroseconds - before.cpuMicroseconds,
    contextSwitches: after.contextSwitches - before.contextSwitches,
    pageFaults: after.pageFaults - before.pageFaults,
    peakRssBytes: after.peakRssBytes,
  };
}

/** Several processes together. */
export function addUsage(usages: readonly Usage[]): Usage {
  const sum = (key: keyof Usage) => usages.reduce((total, usage) => total + usage[key], 0);
  return {
    cpuMicroseconds: sum('cpuMicroseconds'),
    contextSwitches: sum('contextSwitches'),
    pageFaults: sum('pageFaults'),
    peakRssBytes: sum('peakRssBytes'),
  };
}
