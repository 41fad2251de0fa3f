import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { nodeChildOptions } from '@pageferry/linux';
import { codeOf, DemoError, describe } from './errors.js';
import type { Progress } from './progress.js';

/** What a command tells the runner that started it, over Node's IPC channel. */
type Message<Report> =
  | { readonly kind: 'moved'; readonly bytes: number }
  | { readonly kind: 'done'; readonly report: Report }
  | { readonly kind: 'failed'; readonly code: string; readonly line: string };

/** A command of the demo that runs in a process of its own. */
export interface Child<Report> {
  /** What it found out; rejects with the reason if it failed. */
  readonly report: Promise<Report>;
  /** Resolves when the process is gone. */
  readonly ended: Promise<unknown>;
  /** Asks it to end and to clean up. */
  stop(): void;
}

/**
 * Starts `demo send` or `demo receive`, with the arguments that a user would type.
 *
 * @param host what stands in front of a command that is to run on another host. Nothing by default.
 */
export function startChild<Report>(
  args: readonly string[],
  onMoved: (bytes: number) => void,
  host: readonly string[] = [],
): Child<Report> {
  const main = fileURLToPath(new URL('./main.js', import.meta.url));
  const { execArgv, env } = nodeChildOptions(); // A debugger of the runner is none of theirs.
  const [execPath = '', ...words] = [...host, process.execPath, ...execArgv];
  const child = fork(main, args, {
    execPath,
    execArgv: words,
    env,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const gone = once(child, 'exit');
  // Messages may come in after the exit, and before the channel says that it is closed.
  const ended = Promise.all([gone, once(child, 'disconnect')]);
  const report = new Promise<Report>((resolve, reject) => {
    child.on('message', (message: Message<Report>) => {
      if (message.kind === 'moved') onMoved(message.bytes);
      else if (message.kind === 'done') resolve(message.report);
      else reject(new DemoError(message.code, message.line));
    });
    ended.then(([[code, signal]]) => {
      reject(new DemoError('CHILD_ENDED', `demo ${args[0]} ended with ${signal ?? code}`));
    }, reject);
  });
  return { report, ended, stop: () => void child.kill('SIGTERM') };
}

/** True in a process that the runner has started. */
export const hasRunner = process.send !== undefined;

/** In a child: progress goes to the runner, ten times a second at most. */
export function progressToRunner(): Progress {
  let last = 0;
  return {
    note() {},
    start() {},
    moved(bytes) {
      if (Date.now() - last < 100) return;
      last = Date.now();
      void tellRunner({ kind: 'moved', bytes });
    },
    stop() {},
  };
}

/** In a child: hands the result over. */
export function reportToRunner(report: unknown): Promise<void> {
  return tellRunner({ kind: 'done', report });
}

/** In a child: hands the reason of a failure over. */
export function failToRunner(error: unknown): Promise<void> {
  return tellRunner({
    kind: 'failed',
    code: codeOf(error) ?? 'ERROR',
    line: describe(error),
  });
}

/** Resolves when the message is on its way, or cannot be: a runner that is gone needs none. */
function tellRunner(message: Message<unknown>): Promise<void> {
  return new Promise((resolve) => {
    if (process.connected) process.send?.(message, undefined, undefined, () => resolve());
    else resolve();
  });
}
