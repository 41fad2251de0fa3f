import { scenarioNames } from '../plan/scenarios.js';
import { keyOf, type Results } from './results.js';

/**
 * Several runs as one. The last word on a row is the last file's, and the machine is the last one's.
 * Ratios are those of each file: they were computed within its run.
 *
 * @throws if there are different machines, because figures do not travel.
 */
export function mergeResults(all: readonly Results[]): Results {
  const last = all.at(-1) as Results;
  const describe = ({ machine: { processor, cores, kernel, node } }: Results) =>
    [processor, `${cores} cores`, kernel, node].join(', ');
  const other = all.find((each) => describe(each) !== describe(last));
  if (other !== undefined) {
    throw new Error(`results of two machines: ${describe(other)}; ${describe(last)}`);
  }
  const rows = new Map(all.flatMap(({ results }) => results.map((row) => [keyOf(row), row])));
  return {
    schema: 1,
    machine: last.machine,
    ...(all.some(({ interrupted }) => interrupted) && { interrupted: true }),
    results: [...rows.values()].sort(
      (a, b) => scenarioNames.indexOf(a.scenario) - scenarioNames.indexOf(b.scenario),
    ),
  };
}
