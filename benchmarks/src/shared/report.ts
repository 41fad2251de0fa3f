import Table from 'cli-table3';
import { type Machine, machineLine } from '../machine.js';
import { type Finding, findingsFrom } from './findings.js';
import { questions } from './measurements.js';
import { type Row, spreadOf } from './rounds.js';
import type { Sample } from './workload.js';

const itself = (value = Number.NaN): number => value;

/** Prints tables for people, or one JSON object. */
export function printShared(
  machine: Machine,
  transport: string,
  rows: readonly Row[],
  json: boolean,
): void {
  const findings = findingsFrom(rows);
  if (json) {
    const measured = rows.map(({ measurement: { run: _, ...what }, ...figures }) => ({
      ...what,
      ...figures,
    }));
    process.stdout.write(`${JSON.stringify({ machine, transport, measured, findings })}\n`);
    return;
  }
  process.stdout.write(`\n${machineLine(machine)}\n${transport}\n`);
  for (const question of questions) {
    const asked = rows.filter(({ measurement }) => measurement.question === question);
    if (asked.length > 0) printRows(question, asked);
  }
  printFindings(findings);
}

function newTable(...head: string[]) {
  return new Table({ head, style: { head: [], border: [], compact: true } });
}

function printRows(question: string, rows: readonly Row[]): void {
  const each = question === 'round trip' ? 'round trip' : 'message';
  const table = newTable('task', 'subject', 'min', 'median', `max ns a ${each}`, 'sender CPU');
  for (const { measurement, nanoseconds, senderNanoseconds } of rows) {
    const { min, median, max } = spreadOf([nanoseconds], itself);
    const sender =
      senderNanoseconds.length > 0 ? spreadOf([senderNanoseconds], itself).median.toFixed(0) : '';
    const figures = [min, median, max].map((value) => value.toFixed(0));
    table.push([measurement.task, measurement.subject, ...figures, sender]);
  }
  process.stdout.write(`\n${question}\n${table.toString()}\n`);
}

function printFindings(findings: readonly Finding[]): void {
  process.stdout.write('\nround by round: median (minimum to maximum)\n');
  for (const { what, unit, spread } of findings) {
    const digits = unit === 'ns' ? 0 : 2;
    const [low, middle, high] = [spread.min, spread.median, spread.max].map((value) =>
      value.toFixed(digits),
    );
    process.stdout.write(`  ${what}: ${middle} (${low} to ${high}) ${unit}\n`);
  }
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
  const table = newTable('side', 'when', 'RSS MiB', 'descriptors');
  for (const [side, samples] of Object.entries(sides)) {
    for (const { when, residentBytes, descriptors } of samples) {
      table.push([side, when, (residentBytes / 2 ** 20).toFixed(1), `${descriptors}`]);
    }
  }
  process.stdout.write(`\n${count} messages\n${table.toString()}\n`);
}
