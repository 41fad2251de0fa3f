import { constants } from 'node:os';
import { type Command, CommanderError } from 'commander';

/**
 * Runs a command line, and sets the exit status where the program does not: 2 if the command line makes no
 * sense, 1 if stdout cannot be written, 128 and the number of SIGPIPE if whoever reads it has gone.
 */
export async function runCommand(program: Command): Promise<void> {
  for (const each of [program, ...program.commands]) each.exitOverride().showHelpAfterError();
  // Whoever asked for the results has not got them. `pnpm bench | head -1` is no failure of ours.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exitCode = error.code === 'EPIPE' ? 128 + constants.signals.SIGPIPE : 1;
    if (error.code !== 'EPIPE') process.stderr.write(`${program.name()}: ${error.message}\n`);
  });
  try {
    // `pnpm compare -- --json` is `pnpm compare --json`, as with npm.
    const args = process.argv.slice(process.argv[2] === '--' ? 3 : 2);
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    process.exitCode = error.exitCode === 0 ? 0 : 2; // It has said what is wrong, or helped.
  }
}
