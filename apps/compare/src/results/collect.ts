import type { Case } from '../plan/cases.js';
import type { Failure, Subject } from '../subjects/subject.js';
import type { Knobs, TrialReport } from '../trials/task.js';
import type { Result } from './results.js';
import { gibibytesOf, ratioToBest, speedOf, spread } from './statistics.js';

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
  const gibibytes = (report: TrialReport) => gibibytesOf(report, payloadBytes, receivers);
  const used = (
    figure: (usage: NonNullable<TrialReport['usage']>, report: TrialReport) => number,
  ) =>
    reports.every(({ usage }) => usage !== undefined)
      ? over((report) => figure(report.usage as NonNullable<typeof report.usage>, report))
      : undefined;
  const roundTrips = reports.flatMap(({ roundTrip }) => roundTrip ?? []);
  const quantile = (key: 'p50' | 'p99' | 'p999') =>
    spread(roundTrips.map((each) => each[key])).median;
  const isRoundTrip = roundTrips.length > 0;
  const comparable = subject.kind !== 'yardstick';
  return withoutUndefined({
    runs: reports.length,
    gibPerSecond: isRoundTrip
      ? undefined
      : over((report) => gibibytes(report) / (report.nanoseconds / 1e9)),
    nsPerMessage: over(({ nanoseconds, messages }) => nanoseconds / messages),
    rttNs: isRoundTrip
      ? { p50: quantile('p50'), p99: quantile('p99'), p999: quantile('p999') }
      : undefined,
    cpuSecondsPerGib: used((usage, report) => usage.cpuMicroseconds / 1e6 / gibibytes(report)),
    contextSwitchesPerMessage: used((usage, { messages }) => usage.contextSwitches / messages),
    pageFaultsPerMessage: used((usage, { messages }) => usage.pageFaults / messages),
    peakRssBytes: used((usage) => usage.peakRssBytes),
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

function speeds(trials: Cell['trials']): Map<number, number> {
  return new Map([...trials].map(([run, report]) => [run, speedOf(report)]));
}

function withoutUndefined(object: object): object {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}
