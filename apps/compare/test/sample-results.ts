import type { ScenarioName } from '../dist/plan/scenarios.js';
import type { Result, Results } from '../dist/results/results.js';

const SUBJECTS = [
  { subject: 'vmsplice-napi', kind: 'pageferry', pace: 1 },
  { subject: 'socket', kind: 'pageferry', pace: 4 },
  { subject: 'unix-socket', kind: 'node', pace: 3 },
  { subject: 'c-shared-memory', kind: 'limit', pace: 0.3 },
] as const;

/** Beside the payload, what tells the cases of a scenario from each other. */
const CASES: Partial<Record<ScenarioName, readonly Result['knobs'][]>> = {
  rtt: [{ waiting: 'parked' }],
  request: [{ underWay: 1 }, { underWay: 16 }],
};

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
    (CASES[scenario] ?? [{}]).flatMap((knobs) =>
      SUBJECTS.map((about) => rowOf({ scenario, payloadBytes, knobs }, about, speed)),
    ),
  );
}

function rowOf(
  { knobs, ...what }: Pick<Result, 'scenario' | 'payloadBytes' | 'knobs'>,
  { pace, ...who }: (typeof SUBJECTS)[number],
  speed: number,
): Result {
  const nanoseconds = (pace * (500 + what.payloadBytes / 8)) / speed;
  const { underWay = 1 } = knobs;
  const p50 = nanoseconds * Number(underWay);
  const around = (value: number) => ({ min: value * 0.9, median: value, max: value * 1.1 });
  const rate = what.payloadBytes / 2 ** 30 / (nanoseconds / 1e9);
  return {
    ...what,
    ...who,
    knobs: { receivers: 1, ...knobs },
    runs: 3,
    nsPerMessage: around(nanoseconds),
    ...(what.scenario in CASES
      ? { rttNs: { p50, p99: p50 * 2, p999: p50 * 9 } }
      : { gibPerSecond: around(rate), cpuSecondsPerGib: around(2 / rate) }),
    ratioToBestNode: 3 / pace,
    ratioToLimit: 0.3 / pace,
  };
}
