import { runCommand } from '@pageferry/measuring/command';
import { Command } from 'commander';
import { measureBindings } from './bindings.js';
import { measureDestinations } from './destinations.js';
import { messagesCommand } from './messages/command.js';
import { collectNumbers, positiveInteger } from './options.js';
import { printReport } from './report.js';
import { type RoundsResult, runRounds } from './rounds.js';
import { sharedCommand } from './shared/command.js';
import { receivePaths } from './task.js';

const DEFAULT_SIZES = [256 * 1024, 1024 * 1024, 16 * 1024 * 1024];

interface Options {
  readonly rounds: number;
  readonly gib: number;
  readonly warmUpGib: number;
  readonly size?: number[];
  readonly destinations?: true;
  readonly bindings?: true;
  readonly json?: true;
}

const log = (line: string) => process.stderr.write(`${line}\n`);

/** `pnpm bench`: the framed API beside the same loop in C, round by round. */
const program = new Command('bench')
  .enablePositionalOptions()
  .addCommand(sharedCommand(log))
  .addCommand(messagesCommand(log))
  .description('Throughput of the pipe transport beside the same loop in C, round by round.')
  .option('--rounds <n>', 'rounds; every subject runs once in each', positiveInteger, 7)
  .option('--gib <n>', 'GiB that each trial moves', positiveInteger, 16)
  .option(
    '--warm-up-gib <n>',
    'GiB before the clock starts, for V8 to compile: half a second of them',
    positiveInteger,
    48,
  )
  .option('--size <bytes>', 'message size (repeatable)', collectNumbers)
  .option('--destinations', 'measure the routes to destinations instead')
  .option('--bindings', 'measure what the bindings cost instead')
  .option('--json', 'print one JSON object instead of tables')
  .action(async (options: Options) => printReport(await measure(options), options.json === true));

await runCommand(program);

async function measure({ rounds, size, destinations, bindings, ...gib }: Options) {
  const [totalBytes, warmUpBytes] = [gib.gib * 2 ** 30, gib.warmUpGib * 2 ** 30];
  if (destinations) return { destinations: await measureDestinations(rounds, totalBytes, log) };
  if (bindings) return { bindings: await measureBindings(rounds, totalBytes, warmUpBytes, log) };
  const results: RoundsResult[] = [];
  for (const path of receivePaths) {
    for (const messageBytes of size ?? DEFAULT_SIZES) {
      const task = { path, messageBytes, totalBytes, warmUpBytes };
      results.push(await runRounds(task, rounds, log));
    }
  }
  return { results };
}
