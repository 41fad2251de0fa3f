import { cpus, release } from 'node:os';
import Table from 'cli-table3';
import type { RoundsResult, Spread } from './rounds.js';

/** Prints the results: tables for people, or one JSON object. */
export function printReport(results: readonly RoundsResult[], json: boolean): void {
  const machine = {
    kernel: release(),
    node: process.version,
    processor: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
  };
  if (json) {
    process.stdout.write(`${JSON.stringify({ machine, results })}\n`);
    return;
  }
  const { kernel, node, processor, cores } = machine;
  process.stdout.write(`\n${cores} cores of ${processor}, kernel ${kernel}, Node ${node}\n`);
  for (const result of results) printResult(result);
}

function printResult({ task, rounds, subjects, ratioToLimit, ratioToStdio }: RoundsResult): void {
  const what = task.path === 'discard' ? 'spliced to /dev/null' : 'read into memory';
  const table = new Table({
    head: ['subject', 'min', 'median', 'max GiB/s'],
    style: { head: [], border: [], compact: true },
  });
  for (const { name, gibPerSecond } of subjects) table.push([name, ...cells(gibPerSecond)]);
  process.stdout.write(`\n${task.messageBytes / 1024} KiB messages, ${what}, ${rounds} rounds\n`);
  process.stdout.write(`${table.toString()}\n`);
  if (ratioToLimit) printRatio("to C's best piece size", ratioToLimit);
  if (ratioToStdio) printRatio("to Node's stdio pipe", ratioToStdio);
}

function printRatio(what: string, ratio: Spread): void {
  const [low, middle, high] = cells(ratio);
  process.stdout.write(`vmsplice-napi ${what}: ${middle} (${low} to ${high})\n`);
}

function cells({ min, median, max }: Spread): string[] {
  return [min, median, max].map((value) => value.toFixed(2));
}
