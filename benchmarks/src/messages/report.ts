import { type Machine, machineLine } from '@pageferry/measuring/machine';
import { spread } from '@pageferry/measuring/statistics';
import { cellsOf, printTable } from '../print.js';
import type { Measured } from './groups.js';

/**
 * Prints a table for people, or one JSON object.
 *
 * @param aims how many times as fast as its yardstick a subject should be, by question.
 */
export function printMessages(
  machine: Machine,
  measured: readonly Measured[],
  aims: ReadonlyMap<string, number | undefined>,
  json: boolean,
): void {
  const results = measured.map(({ question, subject, ratios }) => ({
    question,
    subject,
    ratio: spread(ratios),
  }));
  if (json) {
    process.stdout.write(`${JSON.stringify({ machine, results })}\n`);
    return;
  }
  process.stdout.write(`\n${machineLine(machine)}\n`);
  printTable(
    'times as fast as the yardstick',
    ['question', 'subject', 'min', 'median', 'max', 'aim'],
    results.map(({ question, subject, ratio }) => [
      question,
      subject,
      ...cellsOf(ratio),
      `${aims.get(question) ?? ''}`,
    ]),
  );
}
