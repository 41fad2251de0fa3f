import { constants } from 'node:os';
import { Command, CommanderError } from 'commander';
import { measureBindings } from './bindings.js';
import { measureDestinations } from './destinations.js';
import { collectNumbers, positiveInteger } from './options.js';
import { printReport } from './report.js';
import { type RoundsResult, runRounds } from './rounds.js';
import { sharedCommand } from './shared/command.js';
import { receivePaths } from './task.js';

const DEFAULT_SIZES = [256 * 1024, 1024 * 1024, 16 * 1024 * 1024];

const log = (line: string) => process.stderr.write(`${line}\n`);

/** `pnpm bench`: the framed API beside the same loop in C, round by round. */
const program = new Command('bench')
  .enablePositionalOptions()
  .exitOverride()
  .showHelpAfterError()
  .addCommand(sharedCommand(log).exitOverride().showHelpAfterError())
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
  .action(
    async (options: {
      rounds: number;
      gib: number;
      warmUpGib: number;
      size?: number[];
      destinations?: true;
      bindings?: true;
      json?: true;
    }) => {
      if (options.destinations) {
        const routes = await measureDestinations(options.rounds, options.gib * 2 ** 30, log);
        printReport({ destinations: routes }, options.json === true);
        return;
      }
      if (options.bindings) {
        const { rounds, gib, warmUpGib } = options;
        const bindings = await measureBindings(rounds, gib * 2 ** 30, warmUpGib * 2 ** 30, log);
        printReport({ bindings }, options.json === true);
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
      printReport({ results }, options.json === true);
    },
  );

// Whoever asked for the results has not got them. `pnpm bench | head -1` is no failure of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exitCode = error.code === 'EPIPE' ? 128 + constants.signals.SIGPIPE : 1;
  if (error.code !== 'EPIPE') process.stderr.write(`bench: ${error.message}\n`);
});

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? 0 : 2; // It has said what is wrong, or helped.
}
