import Table from 'cli-table3';
import type { BindingsResult } from './bindings.js';
import type { RouteResult } from './destinations.js';
import { machineLine, thisMachine } from './machine.js';
import { printBindings } from './report-bindings.js';
import type { RoundsResult } from './rounds.js';
import type { Spread } from './spread.js';

/** Prints the results: tables for people, or one JSON object. */
export function printReport(
  {
    results = [],
    destinations = [],
    bindings,
  }: {
    results?: readonly RoundsResult[];
    destinations?: readonly RouteResult[];
    bindings?: BindingsResult;
  },
  json: boolean,
): void {
  const machine = thisMachine();
  if (json) {
    process.stdout.write(`${JSON.stringify({ machine, results, destinations, bindings })}\n`);
    return;
  }
  process.stdout.write(`\n${machineLine(machine)}\n`);
  for (const result of results) printResult(result);
  if (destinations.length > 0) printDestinations(destinations);
  if (bindings) printBindings(bindings);
}

function printDestinations(destinations: readonly RouteResult[]): void {
  const table = new Table({
    head: ['destination', 'route', 'GiB/s', 'CPU s per GiB'],
    style: { head: [], border: [], compact: true },
  });
  for (const { destination, route, gibPerSecond, cpuSecondsPerGib } of destinations) {
    table.push([destination, route, gibPerSecond.toFixed(2), cpuSecondsPerGib.toFixed(3)]);
  }
  process.stdout.write(`\nFrom the pipe to a destination, 256 KiB at a time, medians\n`);
  process.stdout.write(`${table.toString()}\n`);
}

function printResult(result: RoundsResult): void {
  const { task, rounds, subjects, ratioToLimit, ratioToOneBuffer, ratioToBare, ratioToStdio } =
    result;
  const what = task.path === 'discard' ? 'spliced to /dev/null' : 'read into memory';
  const table = new Table({
    head: ['subject', 'min', 'median', 'max GiB/s'],
    style: { head: [], border: [], compact: true },
  });
  for (const { name, gibPerSecond } of subjects) table.push([name, ...cells(gibPerSecond)]);
  process.stdout.write(`\n${task.messageBytes / 1024} KiB messages, ${what}, ${rounds} rounds\n`);
  process.stdout.write(`${table.toString()}\n`);
  if (ratioToLimit) printRatio("to C's best piece size", ratioToLimit);
  if (ratioToOneBuffer) printRatio('to C that sends one buffer over and over', ratioToOneBuffer);
  printRatio('to bare system calls', ratioToBare);
  if (ratioToStdio) printRatio("to Node's stdio pipe", ratioToStdio);
}

function printRatio(what: string, ratio: Spread): void {
  const [low, middle, high] = cells(ratio);
  process.stdout.write(`vmsplice-napi ${what}: ${middle} (${low} to ${high})\n`);
}

function cells({ min, median, max }: Spread): string[] {
  return [min, median, max].map((value) => value.toFixed(2));
}
