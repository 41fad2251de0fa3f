import { constants } from 'node:os';
import { codeOf, describe, QuietEnd } from './errors.js';

const BROKEN_PIPE = 128 + constants.signals.SIGPIPE;

/**
 * Has a failure to write to stdout decide the exit status: whoever asked for the output has not got it.
 * Node's console says nothing of it.
 *
 * @param name what the line on stderr begins with.
 */
export function watchStdout(name: string): void {
  process.stdout.on('error', (error) => {
    // `demo | head -1` is no failure of ours.
    if (codeOf(error) === 'EPIPE') process.exitCode = BROKEN_PIPE;
    else {
      process.exitCode = 1;
      console.error(`${name}: ${describe(error)}`);
    }
  });
}

/**
 * Prints a text, and resolves when it is written.
 *
 * @throws `QuietEnd` if it cannot be: {@link watchStdout} has said so.
 */
export function print(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(`${text}\n`, (error) => {
      if (error == null) resolve();
      else if (codeOf(error) === 'EPIPE') reject(new QuietEnd('output closed', BROKEN_PIPE));
      else reject(new QuietEnd('output failed', 1));
    });
  });
}

/** How many columns there are for a line on stdout. */
export function columnsOfStdout(): number {
  return process.stdout.isTTY ? process.stdout.columns || WIDTH : WIDTH;
}

/** What every terminal has, and every file. */
const WIDTH = 80;
