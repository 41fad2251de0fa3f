import { formatBytes, formatNumber } from '@pageferry/measuring/units';
import type { Change, Comparison } from '../results/baseline.js';
import { caseOf } from './result-table.js';

/** What has changed since the baseline, in sentences. */
export function changesInWords({ changes, differences }: Comparison): readonly string[] {
  const of = (verdict: Change['verdict']) => changes.filter((change) => change.verdict === verdict);
  const unclear = of('unclear').length;
  return [
    ...(differences.length > 0
      ? [
          `Not the same machine, so that differences may be the machine’s: ${differences.join('; ')}.`,
        ]
      : []),
    ...describe('Slower', of('slower')),
    ...describe('Faster', of('faster')),
    `Within the noise, because the ranges of the runs overlap: ${of('same').length} of ${changes.length} rows.`,
    ...(unclear > 0
      ? [`${unclear} rows have fewer than two runs on a side, which says nothing about the noise.`]
      : []),
  ];
}

function describe(word: string, changes: readonly Change[]): string[] {
  if (changes.length === 0) return [];
  const rows = [...changes].sort((a, b) => a.ratio - b.ratio).map(rowOf);
  return [
    `${word} than the noise explains (even the best run of one is behind the worst of the other): ${rows.join('; ')}.`,
  ];
}

function rowOf({ result, ratio }: Change): string {
  const { scenario, subject, payloadBytes, knobs } = result;
  const more = caseOf({ scenario, knobs });
  const at = [formatBytes(payloadBytes), ...(more === '' ? [] : [more])].join(', ');
  return `**${subject}** in ${scenario} at ${at}: ${formatNumber(ratio)} times as fast`;
}
