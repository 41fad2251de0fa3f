import { type ScenarioName, scenarioNames } from './scenarios.js';

/** How the sides of a round trip wait for each other: by polling, or asleep on the event loop. */
export type Waiting = 'spinning' | 'parked';

/** One thing that every subject is measured at. */
export interface Case {
  readonly scenario: ScenarioName;
  readonly payloadBytes: number;
  /** How many processes receive every message. 1, except in `fan-out`. */
  readonly receivers: number;
  /** Only in `rtt`. */
  readonly waiting?: Waiting | undefined;
  /** Only in `request`: how many questions wait for their answer at the same time. */
  readonly underWay?: number | undefined;
}

const KIB = 1024;
const MIB = 1024 * KIB;

interface Extent {
  /** Scenarios that are measured unless others are named. */
  readonly scenarios: readonly ScenarioName[];
  readonly sizes: Readonly<Record<ScenarioName, readonly number[]>>;
  readonly receivers: readonly number[];
}

const MOVED = [MIB];
const WAITING: readonly Waiting[] = ['spinning', 'parked'];
const UNDER_WAY = [1, 16];

const FULL: Extent = {
  scenarios: scenarioNames,
  sizes: {
    handoff: [64, 4 * KIB, 64 * KIB, MIB, 16 * MIB, 64 * MIB],
    work: [64, 4 * KIB, 64 * KIB, MIB, 16 * MIB, 64 * MIB],
    discard: [4 * KIB, 64 * KIB, 256 * KIB, MIB, 16 * MIB],
    rtt: [64, 64 * KIB],
    request: [64, 64 * KIB],
    'fan-out': [64 * KIB],
    'to-file': MOVED,
    'to-o-direct': MOVED,
    'to-tcp': MOVED,
    'to-unix': MOVED,
    across: [64 * KIB, MIB],
  },
  receivers: [1, 2, 4, 8, 16],
};

/** As wide as the full one, and coarser: what takes less time is fewer cases, never a shorter warm-up. */
const QUICK: Extent = {
  scenarios: ['handoff', 'work', 'discard', 'rtt', 'request'],
  sizes: {
    ...FULL.sizes,
    handoff: [64, 64 * MIB],
    work: [64, 64 * KIB, MIB, 64 * MIB],
    discard: [256 * KIB],
    rtt: [64],
    request: [64],
  },
  receivers: [4],
};

/**
 * Who is left out of a quick run, unless named: what differs little from another subject of the same kind, or is
 * much slower than that everywhere, or is for other systems, or is no way between processes.
 */
const NOT_QUICK: readonly string[] = [
  'shared-mmap-ffi',
  'vmsplice-ffi',
  'socket',
  'ipc-json',
  'tcp',
  'stdio',
  'worker-transfer',
  'worker-copy',
  'zeromq',
  'memcpy',
];

/** Whether a subject takes part in a quick run that names no subjects. */
export function isQuick({ name }: { readonly name: string }): boolean {
  return !NOT_QUICK.includes(name);
}

/**
 * The cases of a run.
 *
 * @param names the scenarios; those of the extent by default.
 * @param sizes instead of each scenario's own sizes.
 */
export function planCases(
  names: readonly ScenarioName[] | undefined,
  sizes: readonly number[] | undefined,
  quick: boolean,
): readonly Case[] {
  const extent = quick ? QUICK : FULL;
  return (names ?? extent.scenarios).flatMap((scenario) =>
    (sizes ?? extent.sizes[scenario]).flatMap((payloadBytes): Case[] => {
      if (scenario === 'fan-out') {
        return extent.receivers.map((receivers) => ({ scenario, payloadBytes, receivers }));
      }
      const one = { scenario, payloadBytes, receivers: 1 };
      if (scenario === 'rtt') return WAITING.map((waiting) => ({ ...one, waiting }));
      if (scenario === 'request') return UNDER_WAY.map((underWay) => ({ ...one, underWay }));
      return [one];
    }),
  );
}
