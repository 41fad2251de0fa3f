import { failToRunner, hasRunner, progressToRunner, reportToRunner } from './child.js';
import { describe, QuietEnd } from './errors.js';
import { untilInterrupted } from './interrupt.js';
import { createProgress, type Progress } from './progress.js';

/**
 * Runs one command, and sets the exit status: 0 if `task` resolves to true, 1 if not or if it fails,
 * and what shells expect after a signal or a closed pipe.
 *
 * The process then ends by itself, because everything it had open is closed. `process.exit` would
 * cut off output that is still under way.
 */
export async function perform(
  name: string,
  task: (signal: AbortSignal) => Promise<boolean>,
): Promise<void> {
  const signal = untilInterrupted();
  try {
    process.exitCode = (await task(signal)) ? 0 : 1;
  } catch (error) {
    // After an interruption everything fails somehow: what counts is the reason for it.
    const reason = signal.aborted ? signal.reason : error;
    process.exitCode = reason instanceof QuietEnd ? reason.status : 1;
    if (reason instanceof QuietEnd) return;
    if (hasRunner) await failToRunner(reason);
    else console.error(`${name}: ${describe(reason)}`);
  } finally {
    if (process.connected) process.disconnect();
  }
}

/**
 * Runs one side of a transfer. What it has to say goes to the runner, where one has started this
 * process, and to people otherwise.
 */
export function performSide<Report>(
  name: string,
  side: (progress: Progress, signal: AbortSignal) => Promise<Report>,
  tell: (report: Report) => void | Promise<void>,
): Promise<void> {
  return perform(`demo ${name}`, async (signal) => {
    const report = await side(hasRunner ? progressToRunner() : createProgress(name), signal);
    if (hasRunner) await reportToRunner(report);
    else await tell(report);
    return true;
  });
}
