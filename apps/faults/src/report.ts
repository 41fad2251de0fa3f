import { renderTable } from '@pageferry/measuring/tables';
import type { Stage } from './killing/run-stages.js';

const HEAD = [
  'backend',
  'pattern',
  'kills',
  'stopped first',
  'messages checked',
  'learned p50 (ms)',
  'p99',
  'longest',
  'faults',
];

/** The closing table: a line for each pattern over each backend. */
export function tableOf(stages: readonly Stage[], colors: boolean): string {
  return renderTable(HEAD, stages.map(rowOf), { figuresFrom: 2, colors });
}

function rowOf(stage: Stage): string[] {
  const { backend, pattern, reports } = stage;
  const learned = reports.flatMap((report) => report.learned).sort((a, b) => a - b);
  const at = (share: number) => learned[Math.ceil(share * learned.length) - 1];
  return [
    backend,
    pattern,
    reports.length,
    reports.filter(({ plan }) => plan.stop !== 'never').length,
    reports.reduce((sum, { delivered }) => sum + delivered, 0),
    at(0.5)?.toFixed(1) ?? '-',
    at(0.99)?.toFixed(1) ?? '-',
    learned.at(-1)?.toFixed(1) ?? '-',
    faultsOf(stage),
  ].map(String);
}

/** How many faults there were. */
export function faultsOf({ reports, crash }: Stage): number {
  const inRounds = reports.reduce((sum, { faults }) => sum + faults.length, 0);
  return inRounds + (crash === undefined ? 0 : 1);
}
