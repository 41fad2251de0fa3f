#!/usr/bin/env node
/**
 * `pnpm compare`: which backend, for which work, on this machine.
 *
 * - `plan/` says what is compared, `subjects/` who takes part, `comparison.ts` in which order.
 * - `trials/` runs one trial in fresh processes; `peers/` and `channels/` are what they do.
 * - `results/` makes figures of it, `report/` tables, plots and words.
 */
import { runCommand } from '@pageferry/measuring/command';
import { Command } from 'commander';
import { type Options, optionsFor } from './options.js';
import { subjects } from './subjects/subjects.js';

const program = new Command('compare')
  .description('Compare ways to bring memory from one process to another, on this machine.')
  .allowExcessArguments(false)
  .action(async (options: Options) => {
    // Late, because a command line that makes no sense needs none of it.
    const { perform } = await import('./perform.js');
    await perform(options, subjects);
  });
for (const option of optionsFor(subjects.map(({ name }) => name))) program.addOption(option);

await runCommand(program);
