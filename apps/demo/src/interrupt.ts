import { constants } from 'node:os';
import { DemoError, QuietEnd } from './errors.js';

/** How long an orderly end may take, in milliseconds. */
const PATIENCE = 2000;

/**
 * A signal that fires when the user wants this process to end: by SIGINT, SIGTERM or SIGHUP, or,
 * in a child, by the end of the runner. A second SIGINT ends the process on the spot.
 */
export function untilInterrupted(): AbortSignal {
  const controller = new AbortController();
  const end = (reason: Error, signal: NodeJS.Signals) => {
    controller.abort(reason);
    // Node waits for ever for a read or write that a silent peer holds up. The signal does not.
    setTimeout(() => {
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    }, PATIENCE).unref();
  };
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => end(new QuietEnd(signal, 128 + constants.signals[signal]), signal));
  }
  if (process.connected) {
    process.once('disconnect', () =>
      end(new DemoError('ABORTED', 'the runner is gone'), 'SIGTERM'),
    );
  }
  return controller.signal;
}
