import { Command, InvalidArgumentError } from 'commander';
import { measureDestinations } from './destinations.js';
import { printReport } from './report.js';
import { type RoundsResult, runRounds } from './rounds.js';
import { receivePaths } from './task.js';

const DEFAULT_SIZES = [256 * 1024, 1024 * 1024, 16 * 1024 * 1024];

/** `pnpm bench`: the framed API beside the same loop in C, round by round. */
const program = new Command('bench')
  .description('Throughput of the pipe transport beside the same loop in C, round by round.')
  .option('--rounds <n>', 'rounds; every subject runs once in each', positiveInteger, 7)
  .option('--gib <n>', 'GiB that each trial moves', positiveInteger, 8)
  .option(
    '--warm-up-gib <n>',
    'GiB before the clock starts, for V8 to compile',
    positiveInteger,
    16,
  )
  .option('--size <bytes>', 'message size (repeatable)', collectSizes)
  .option('--destinations', 'measure the routes to destinations instead')
  .option('--json', 'print one JSON object instead of tables')
  .action(
    async (options: {
      rounds: number;
      gib: number;
      warmUpGib: number;
      size?: number[];
      destinations?: true;
      json?: true;
    }) => {
      const log = (line: string) => process.stderr.write(`${line}\n`);
      if (options.destinations) {
        const routes = await measureDestinations(options.rounds, options.gib * 2 ** 30, log);
        printReport([], routes, options.json === true);
        return;
      }
      const results: RoundsResult[] = [];
      for (const path of receivePaths) {
        for (const messageBytes of options.size ?? DEFAULT_SIZES) {
          const totalBytes = options.gib * 2 ** 30;
          const warmUpBytes = options.warmUpGib * 2 ** 30;
          const task = { path, messageBytes, totalBytes, warmUpBytes };
          results.push(await runRounds(task, options.rounds, log));
        }
      }
      printReport(results, [], options.json === true);
    },
  );

function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('a positive integer');
  return value;
}

function collectSizes(text: string, sizes: number[] = []): number[] {
  return [...sizes, positiveInteger(text)];
}

await program.parseAsync();
