import { type Machine, machineLine } from '@pageferry/measuring/machine';
import { type Spread, spread } from '@pageferry/measuring/statistics';
import { cellsOf, inWords, printTable } from '../print.js';
import { type Aim, aimsFrom, type Finding, findingsFrom } from './findings.js';
import { questions, sizeName } from './measurements.js';
import type { Row } from './rounds.js';
import type { Step } from './steps.js';
import type { VersionTable } from './versions.js';
import type { Sample } from './workload.js';

/** What was measured, and where. */
export interface Shared {
  readonly machine: Machine;
  /** `module#export` of the transport. */
  readonly transport: string;
  /** How many channels it can have; without any there are no requests. */
  readonly maxChannels: number;
  readonly rows: readonly Row[];
}

/** Prints tables for people, or one JSON object. */
export function printShared(
  { machine, transport, maxChannels, rows }: Shared,
  json: boolean,
): void {
  const findings = findingsFrom(rows);
  const aims = aimsFrom(findings);
  if (json) {
    const measured = rows.map(({ measurement: { run: _, ...what }, ...figures }) => ({
      ...what,
      ...figures,
    }));
    const all = { machine, transport, maxChannels, measured, findings, aims };
    process.stdout.write(`${JSON.stringify(all)}\n`);
    return;
  }
  const missing = maxChannels === 0 ? ', which has no channels, so that nothing is requested' : '';
  process.stdout.write(`\n${machineLine(machine)}\n${transport}${missing}\n`);
  for (const question of questions) {
    const asked = rows.filter(({ measurement }) => measurement.question === question);
    if (asked.length > 0) printRows(question, asked);
  }
  printFindings(findings, aims);
}

function printRows(question: string, rows: readonly Row[]): void {
  const each = question === 'round trip' ? 'round trip' : 'message';
  printTable(
    question,
    ['task', 'subject', 'min', 'median', `max ns a ${each}`, 'sender CPU'],
    rows.map(({ measurement: { task, subject }, nanoseconds, senderNanoseconds }) => {
      const sender =
        senderNanoseconds.length > 0 ? spread(senderNanoseconds).median.toFixed(0) : '';
      return [task, subject, ...cellsOf(spread(nanoseconds), 0), sender];
    }),
  );
}

function printFindings(findings: readonly Finding[], aims: readonly Aim[]): void {
  process.stdout.write('\nround by round: median (minimum to maximum)\n');
  for (const { what, unit, spread, atMost } of findings) {
    const aim = atMost === undefined ? '' : ` (aim: at most ${atMost.toFixed(1)})`;
    process.stdout.write(`  ${what}: ${inWords(spread, unit === 'ns' ? 0 : 2)} ${unit}${aim}\n`);
  }
  for (const { what, isReached } of aims) {
    process.stdout.write(`  ${what}: ${isReached ? 'reached' : 'not reached'}, by the medians\n`);
  }
}

/** Prints what each step of a message takes, for messages of several sizes. */
export function printSteps(
  machine: Machine,
  sizes: readonly { readonly messageBytes: number; readonly steps: readonly Step[] }[],
  json: boolean,
): void {
  if (json) {
    process.stdout.write(`${JSON.stringify({ machine, sizes })}\n`);
    return;
  }
  const names = sizes[0]?.steps.map(({ name }) => name) ?? [];
  printTable(
    'nanoseconds a message, both sides in one process',
    ['size', ...names, 'all'],
    sizes.map(({ messageBytes, steps }) => {
      const all = steps.map(({ nanoseconds }) => nanoseconds);
      const sum = all.reduce((one, other) => one + other, 0);
      return [sizeName(messageBytes), ...[...all, sum].map((value) => value.toFixed(0))];
    }),
  );
}

/** Prints a table with a column for each version of Node. */
export function printVersions(machine: Machine, table: VersionTable, json: boolean): void {
  if (json) {
    process.stdout.write(`${JSON.stringify({ machine, ...table })}\n`);
    return;
  }
  const head = ['median (minimum to maximum)', ...table.versions];
  const cellOf = (found: Spread | undefined): string =>
    found === undefined ? '' : inWords(found, 1);
  printTable(
    'versions of Node',
    head,
    table.rows.map(({ what, ratios }) => [what, ...ratios.map(cellOf)]),
  );
}

/** Prints how large both sides were at the start, in the middle and at the end. */
export function printEndurance(
  count: number,
  sides: Readonly<Record<string, readonly Sample[]>>,
  json: boolean,
): void {
  if (json) {
    process.stdout.write(`${JSON.stringify({ count, sides })}\n`);
    return;
  }
  printTable(
    `${count} messages`,
    ['side', 'when', 'RSS MiB', 'descriptors'],
    Object.entries(sides).flatMap(([side, samples]) =>
      samples.map(({ when, residentBytes, descriptors }) => [
        side,
        when,
        (residentBytes / 2 ** 20).toFixed(1),
        `${descriptors}`,
      ]),
    ),
  );
}
