import { renderTable } from '@pageferry/measuring/tables';
import type { Stage } from './run-stages.js';

const HEAD = [
  'backend',
  'pattern',
  'hostile side',
  'lives',
  'connected',
  'given up',
  'changes',
  'messages checked',
  'messages/s beside it',
  'of those without',
  'faults',
];

/** The closing table: a line for each pattern over each backend, and each side. */
export function tableOf(stages: readonly Stage[], colors: boolean): string {
  return renderTable(HEAD, stages.map(rowOf), { figuresFrom: 3, colors });
}

function rowOf(stage: Stage): string[] {
  const { task, report } = stage;
  const { backend, pattern, side } = task;
  const { lives = 0, connected = 0, givenUp = 0, changes = 0 } = report?.deeds ?? {};
  return [
    backend,
    pattern,
    side,
    lives,
    connected,
    givenUp,
    changes,
    report?.checked ?? 0,
    report?.rates.hostile.toFixed(0) ?? '-',
    shareOf(stage),
    faultsOf(stage).length,
  ].map(String);
}

/** The rate of honest messages beside the hostile peer, as a share of that beside the same process while it is quiet. */
function shareOf({ report }: Stage): string {
  if (report === undefined || report.rates.quiet === 0) return '-';
  return `${((100 * report.rates.hostile) / report.rates.quiet).toFixed(0)} %`;
}

/** What has gone wrong in a stage, as sentences. */
export function faultsOf({ report, crash }: Stage): readonly string[] {
  const crashes = crash === undefined ? [] : [`ended with ${crash}`];
  return [...crashes, ...(report?.faults ?? [])];
}
