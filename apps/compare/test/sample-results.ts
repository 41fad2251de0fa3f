import type { ScenarioName } from '../dist/plan/scenarios.js';
import type { Result, Results } from '../dist/results/results.js';

const SUBJECTS = [
  { subject: 'vmsplice-napi', kind: 'pageferry', pace: 1 },
  { subject: 'socket', kind: 'pageferry', pace: 4 },
  { subject: 'unix-socket', kind: 'node', pace: 3 },
  { subject: 'c-shared-memory', kind: 'limit', pace: 0.3 },
] as const;

/**
 * Results as a run would have them, with figures that are made up.
 *
 * @param speed every subject is so many times as fast.
 */
export function sampleResults(scenarios: readonly ScenarioName[], speed = 1): Results {
  return {
    schema: 1,
    machine: {
      processor: 'Example',
      cores: 2,
      memoryBytes: 2 ** 34,
      architecture: 'x64',
      kernel: '6.0.0',
      node: 'v20.19.0',
      packages: { '@pageferry/socket': '0.0.0' },
    },
    results: scenarios.flatMap((scenario) => rowsOf(scenario, speed)),
  };
}

function rowsOf(scenario: ScenarioName, speed: number): Result[] {
  return [64, 65536, 1048576].flatMap((payloadBytes) =>
    SUBJECTS.map(({ subject, kind, pace }): Result => {
      const nanoseconds = (pace * (500 + payloadBytes / 8)) / speed;
      const around = (value: number) => ({ min: value * 0.9, median: value, max: value * 1.1 });
      const rate = payloadBytes / 2 ** 30 / (nanoseconds / 1e9);
      return {
        scenario,
        subject,
        kind,
        payloadBytes,
        knobs: { receivers: 1, ...(scenario === 'rtt' && { waiting: 'parked' }) },
        runs: 3,
        nsPerMessage: around(nanoseconds),
        ...(scenario === 'rtt'
          ? { rttNs: { p50: nanoseconds, p99: nanoseconds * 2, p999: nanoseconds * 9 } }
          : { gibPerSecond: around(rate), cpuSecondsPerGib: around(2 / rate) }),
        ratioToBestNode: 3 / pace,
        ratioToLimit: 0.3 / pace,
      };
    }),
  );
}
