/**
 * `pageferry-doctor`: says what works here, and what really copies.
 *
 * Exit status: 0 if some zero-copy backend is usable, 1 if only fallbacks are, 2 for a command line
 * that makes no sense, 3 if the report cannot be written.
 */
import { accessSync, constants } from 'node:fs';
import { constants as osConstants, tmpdir } from 'node:os';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { examine, hasZeroCopy } from '../examine.js';
import { toText } from './text.js';

const program = new Command('pageferry-doctor')
  .description('Find out what works on this machine, and what really copies.')
  .option('--json', 'print one JSON object instead of tables')
  .option('--folder <path>', 'probe the file system of this folder', usableFolder, tmpdir())
  .addHelpText(
    'after',
    '\nExit status: 0 if a zero-copy backend is usable, 1 if not, 2 for bad usage,\n3 if the report cannot be written.',
  )
  .allowExcessArguments(false)
  .showHelpAfterError()
  .exitOverride()
  .action(async ({ json, folder }: { readonly json?: boolean; readonly folder: string }) => {
    const report = await examine({ folder });
    // hasColors respects NO_COLOR.
    const colors = process.stdout.isTTY && process.stdout.hasColors();
    process.exitCode = hasZeroCopy(report) ? 0 : 1;
    process.stdout.write(
      `${json ? JSON.stringify(report, null, 2) : toText(report, colors, process.stdout.columns)}\n`,
    );
  });

function usableFolder(path: string): string {
  try {
    accessSync(`${path}/.`, constants.W_OK | constants.X_OK);
    return path;
  } catch (error) {
    throw new InvalidArgumentError(`Not a folder to write in: ${(error as Error).message}`);
  }
}

// Whoever asked for the report has not got it. `pageferry-doctor | head -1` is no failure of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exitCode = error.code === 'EPIPE' ? 128 + osConstants.signals.SIGPIPE : 3;
  if (error.code !== 'EPIPE') console.error(`pageferry-doctor: ${error.message}`);
});

try {
  // `pnpm run doctor -- --json` is `pnpm run doctor --json`, as with npm.
  const args = process.argv.slice(process.argv[2] === '--' ? 3 : 2);
  await program.parseAsync(args, { from: 'user' });
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? 0 : 2; // It has said what is wrong, or helped.
}
