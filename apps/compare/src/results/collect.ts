import type { Disturbance } from '@pageferry/measuring/disturbance';
import { type Quantiles, type Series, spread } from '@pageferry/measuring/statistics';
import { gibPerSecond } from '@pageferry/measuring/units';
import type { Case } from '../plan/cases.js';
import type { Failure, Subject } from '../subjects/subject.js';
import type { Knobs, TrialReport } from '../trials/task.js';
import type { Result } from './results.js';
import { ratioToBest, speedOf } from './statistics.js';

/** A subject in a case: one row of the results, while it is being filled. */
export interface Cell {
  readonly subject: Subject;
  readonly case: Case;
  /** By the number of the run. */
  readonly trials: Map<number, TrialReport>;
  failure?: Failure | undefined;
}

/** Makes results of what was measured. Cells that nothing is known about are left out. */
export function collect(cells: readonly Cell[]): Result[] {
  return cells
    .filter(({ trials, failure }) => trials.size > 0 || failure !== undefined)
    .map((cell) => {
      const peers = cells.filter((other) => other.case === cell.case);
      return { ...identityOf(cell), ...figuresOf(cell, peers) };
    });
}

function identityOf({ subject, case: each, trials }: Cell) {
  const knobs = [...trials.values()].at(-1)?.knobs ?? {};
  return {
    scenario: each.scenario,
    subject: subject.name,
    kind: subject.kind,
    payloadBytes: each.payloadBytes,
    knobs: withoutUndefined({
      receivers: each.receivers,
      waiting: each.waiting,
      underWay: each.underWay,
      ...subject.settings,
      ...knobs,
    }) as Knobs,
  };
}

function figuresOf({ subject, case: each, trials, failure }: Cell, peers: readonly Cell[]) {
  // Who spoils or breaks off has no figures, so that it cannot win.
  if (failure !== undefined) return { runs: 0, failure };
  const reports = [...trials.values()];
  const { payloadBytes, receivers } = each;
  const over = (figure: (report: TrialReport) => number) => spread(reports.map(figure));
  const bytes = ({ messages }: TrialReport) => messages * payloadBytes * receivers;
  const used = (
    figure: (usage: NonNullable<TrialReport['usage']>, report: TrialReport) => number,
  ) =>
    reports.every(({ usage }) => usage !== undefined)
      ? over((report) => figure(report.usage as NonNullable<typeof report.usage>, report))
      : undefined;
  const roundTrips = reports.flatMap(({ roundTrip }) => roundTrip ?? []);
  const quantile = (key: keyof Quantiles) => spread(roundTrips.map((each) => each[key])).median;
  const disturbed = (key: keyof Disturbance) => {
    const shares = reports.flatMap(({ disturbance }) => disturbance?.[key] ?? []);
    return shares.length > 0 ? spread(shares) : undefined;
  };
  const isRoundTrip = roundTrips.length > 0;
  const comparable = subject.kind !== 'yardstick';
  return withoutUndefined({
    runs: reports.length,
    gibPerSecond: isRoundTrip
      ? undefined
      : over((report) => gibPerSecond(bytes(report), report.nanoseconds)),
    nsPerMessage: over(({ nanoseconds, messages }) => nanoseconds / messages),
    rttNs: isRoundTrip
      ? { p50: quantile('p50'), p99: quantile('p99'), p999: quantile('p999') }
      : undefined,
    cpuSecondsPerGib: used(
      (usage, report) => usage.cpuMicroseconds / 1e6 / (bytes(report) / 2 ** 30),
    ),
    contextSwitchesPerMessage: used((usage, { messages }) => usage.contextSwitches / messages),
    pageFaultsPerMessage: used((usage, { messages }) => usage.pageFaults / messages),
    peakRssBytes: used((usage) => usage.peakRssBytes),
    othersShare: disturbed('othersShare'),
    stolenShare: disturbed('stolenShare'),
    ratioToLimit: comparable ? ratio(trials, peers, 'limit') : undefined,
    ratioToBestNode: comparable ? ratio(trials, peers, 'node') : undefined,
  }) as Omit<Result, keyof ReturnType<typeof identityOf>>;
}

function ratio(trials: Cell['trials'], peers: readonly Cell[], kind: 'limit' | 'node') {
  const others = peers.filter((peer) => peer.subject.kind === kind && peer.failure === undefined);
  return ratioToBest(
    speeds(trials),
    others.map((peer) => speeds(peer.trials)),
  );
}

/** By run: each cell begins with the first, and one that fails measures no more. */
function speeds(trials: Cell['trials']): Series {
  return [...trials.values()].map(speedOf);
}

function withoutUndefined(object: object): object {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}
