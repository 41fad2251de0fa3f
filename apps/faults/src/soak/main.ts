#!/usr/bin/env node
import { writeFileSync } from 'node:fs';
import { runCommand } from '@pageferry/measuring/command';
import { machineLine, thisMachine } from '@pageferry/measuring/machine';
import { Command, InvalidArgumentError } from 'commander';
import { type BackendName, backendNames } from '../backends.js';
import { integer, oneOf } from '../command-line.js';
import { isBackend } from '../killing/run-stages.js';
import { tableOf } from './report.js';
import { runHouses } from './run-houses.js';
import type { Sample } from './sample.js';

interface Options {
  readonly minutes: number;
  readonly seed?: number;
  readonly backend?: BackendName[];
  readonly out?: string;
}

/** Between two lines that say how it goes, in milliseconds. */
const PROGRESS = 5000;

const program = new Command('test:soak')
  .description(
    'Has senders, receivers, channels and pools join, leave and die at random, and looks whether anything is lost or left.',
  )
  .option('--minutes <n>', 'for how long', minutes, 10)
  .option(
    '--seed <n>',
    'what all guests depend on; without it a new one, which is printed',
    integer,
  )
  .option('--backend <name>', `one of ${backendNames.join(', ')} (repeatable)`, oneOf(isBackend))
  .option('--out <file>', 'where all samples go as JSON, for `node scripts/soak-plot.js`')
  .action(run);

await runCommand(program);

async function run(options: Options): Promise<void> {
  const { seed = Math.floor(Math.random() * 2 ** 31), out } = options;
  const backends = options.backend ?? backendNames;
  const machine = thisMachine();
  log(`seed ${seed}: ${options.minutes} minutes; ${machineLine(machine)}`);
  const latest = new Map<BackendName, Sample>();
  const progress = setInterval(() => log(lineOf(latest)), PROGRESS);
  const houses = await runHouses({
    seed,
    backends,
    milliseconds: options.minutes * 60_000,
    onSample: (backend, sample) => latest.set(backend, sample),
    onFault: (backend, fault) => log(`${backend}: ${fault}`),
  });
  clearInterval(progress);
  console.log(tableOf(houses, process.stdout.isTTY));
  const faults = houses.reduce((sum, house) => sum + house.faults.length, 0);
  log(`seed ${seed}: ${faults === 0 ? 'no fault' : `${faults} faults`}`);
  if (out !== undefined) {
    writeFileSync(out, `${JSON.stringify({ seed, minutes: options.minutes, machine, houses })}\n`);
  }
  if (faults > 0) process.exitCode = 1;
}

/** How it goes: what the house of each backend does in a second, and has. */
function lineOf(latest: ReadonlyMap<BackendName, Sample>): string {
  const at = Math.max(0, ...[...latest.values()].map((sample) => sample.at));
  const each = [...latest].map(([backend, { rate, rss, descriptors }]) => {
    const mebibytes = Math.round(rss / 1024 / 1024);
    return `${backend} ${Math.round(rate)}/s ${mebibytes} MiB ${descriptors} fd`;
  });
  return `${Math.floor(at / 60)}:${String(Math.floor(at % 60)).padStart(2, '0')} ${each.join(' | ')}`;
}

function minutes(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 7 * 24 * 60)) throw new InvalidArgumentError('A number of minutes.');
  return value;
}

function log(line: string): void {
  process.stderr.write(`${line}\n`);
}
