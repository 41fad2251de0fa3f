import { formatShare } from '@pageferry/measuring/units';
import { BOUNDS, type Doubt, doubtsOf } from '../results/doubts.js';
import type { Result } from '../results/results.js';

/** What each doubt means: one line for the legend of a table. */
export const DOUBTS: Readonly<Record<Doubt, string>> = {
  busy: `other programs took more than ${formatShare(BOUNDS.othersShare)} of the processors meanwhile`,
  steal: `the host took more than ${formatShare(BOUNDS.stolenShare)} of the processors meanwhile`,
  range: `the slowest run took more than ${BOUNDS.range} times as long as the fastest`,
  limit: `more than ${formatShare(BOUNDS.ratioToLimit)} of what C reaches, which was held up, or is no limit here`,
};

const NAMES = Object.keys(DOUBTS) as readonly Doubt[];

/** How far the figures are to be trusted, in sentences. They come before the figures. */
export function doubtsInWords(measured: readonly Result[]): readonly string[] {
  const of = (doubt: Doubt) => measured.filter((result) => doubtsOf(result).includes(doubt)).length;
  const parts = NAMES.flatMap((doubt) => {
    const rows = of(doubt);
    return rows === 0 ? [] : [`${rows} (${doubt}: ${DOUBTS[doubt]})`];
  });
  const disturbed = of('busy') + of('steal') > 0;
  return [
    ...(parts.length > 0
      ? [
          `**${disturbed ? 'The machine was not quiet' : 'Some figures are doubtful'}**: of ` +
            `${measured.length} rows, ${parts.join('; ')}. ` +
            `${disturbed ? 'Close what else is running, and measure again' : 'Measure these again'} ` +
            'before you believe them.',
        ]
      : []),
    ...(measured.some(({ runs }) => runs === 1)
      ? [
          '**Measured once**: there is no range that would say how much the figures differ from run to run. ' +
            '`--runs 3` has one.',
        ]
      : []),
  ];
}
