import { machineLine, thisMachine } from '@pageferry/measuring/machine';
import type { Spread } from '@pageferry/measuring/statistics';
import type { BindingsResult } from './bindings.js';
import type { RouteResult } from './destinations.js';
import { cellsOf, inWords, printTable } from './print.js';
import { printBindings } from './report-bindings.js';
import type { RoundsResult } from './rounds.js';

/** What was measured: one of the three. */
export interface Measured {
  readonly results?: readonly RoundsResult[];
  readonly destinations?: readonly RouteResult[];
  readonly bindings?: BindingsResult;
}

/** Prints the results: tables for people, or one JSON object. */
export function printReport(
  { results = [], destinations = [], bindings }: Measured,
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
  printTable(
    'From the pipe to a destination, 256 KiB at a time, medians',
    ['destination', 'route', 'GiB/s', 'CPU s per GiB'],
    destinations.map(({ destination, route, gibPerSecond, cpuSecondsPerGib }) => [
      destination,
      route,
      gibPerSecond.toFixed(2),
      cpuSecondsPerGib.toFixed(3),
    ]),
  );
}

function printResult({ task, rounds, subjects, ...ratios }: RoundsResult): void {
  const what = task.path === 'discard' ? 'spliced to /dev/null' : 'read into memory';
  printTable(
    `${task.messageBytes / 1024} KiB messages, ${what}, ${rounds} rounds`,
    ['subject', 'min', 'median', 'max GiB/s'],
    subjects.map(({ name, gibPerSecond }) => [name, ...cellsOf(gibPerSecond)]),
  );
  printRatio("to C's best piece size", ratios.ratioToLimit);
  printRatio('to C that sends one buffer over and over', ratios.ratioToOneBuffer);
  printRatio('to bare system calls', ratios.ratioToBare);
  printRatio("to Node's stdio pipe", ratios.ratioToStdio);
}

function printRatio(what: string, ratio: Spread | undefined): void {
  if (ratio) process.stdout.write(`vmsplice-napi ${what}: ${inWords(ratio)}\n`);
}
