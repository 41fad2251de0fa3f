#!/usr/bin/env node
/**
 * `pnpm compare`: which backend, for which work, on this machine.
 *
 * - `plan/` says what is compared, `subjects/` who takes part, `comparison.ts` in which order.
 * - `trials/` runs one trial in fresh processes; `peers/` and `channels/` are what they do.
 * - `results/` makes figures of it, `report/` tables, plots and words.
 */
import { constants } from 'node:os';
import { Command, CommanderError } from 'commander';
import { type Options, optionsFor } from './options.js';
import { subjects } from './subjects/subjects.js';

const program = new Command('compare')
  .description('Compare ways to bring memory from one process to another, on this machine.')
  .allowExcessArguments(false)
  .showHelpAfterError()
  .exitOverride()
  .action(async (options: Options) => {
    // Late, because a command line that makes no sense needs none of it.
    const { perform } = await import('./perform.js');
    await perform(options, subjects);
  });
for (const option of optionsFor(subjects.map(({ name }) => name))) program.addOption(option);

// Whoever asked for the results has not got them. `pnpm compare | head -1` is no failure of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exitCode = error.code === 'EPIPE' ? 128 + constants.signals.SIGPIPE : 1;
  if (error.code !== 'EPIPE') process.stderr.write(`compare: ${error.message}\n`);
});

try {
  // `pnpm compare -- --json` is `pnpm compare --json`, as with npm.
  const args = process.argv.slice(process.argv[2] === '--' ? 3 : 2);
  await program.parseAsync(args, { from: 'user' });
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? 0 : 2; // It has said what is wrong, or helped.
}
