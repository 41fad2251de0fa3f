import { Command, InvalidArgumentError } from 'commander';
import { printReport } from './report.js';
import { type RoundsResult, runRounds } from './rounds.js';
import { receivePaths } from './task.js';

const DEFAULT_SIZES = [256 * 1024, 1024 * 1024, 16 * 1024 * 1024];

/** `pnpm bench`: the framed API beside the same loop in C, round by round. */
const program = new Command('bench')
  .description('Throughput of the pipe transport beside the same loop in C, round by round.')
  .option('--rounds <n>', 'rounds; every subject runs once in each', positiveInteger, 7)
  .option(
    '--gib <n>',
    'GiB that each trial moves, and as many before the clock starts',
    positiveInteger,
    8,
  )
  .option('--size <bytes>', 'message size (repeatable)', collectSizes)
  .option('--json', 'print one JSON object instead of tables')
  .action(async (options: { rounds: number; gib: number; size?: number[]; json?: true }) => {
    const results: RoundsResult[] = [];
    for (const path of receivePaths) {
      for (const messageBytes of options.size ?? DEFAULT_SIZES) {
        const bytes = options.gib * 2 ** 30;
        const task = { path, messageBytes, totalBytes: bytes, warmUpBytes: bytes };
        results.push(
          await runRounds(task, options.rounds, (line) => process.stderr.write(`${line}\n`)),
        );
      }
    }
    printReport(results, options.json === true);
  });

function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('a positive integer');
  return value;
}

function collectSizes(text: string, sizes: number[] = []): number[] {
  return [...sizes, positiveInteger(text)];
}

await program.parseAsync();
