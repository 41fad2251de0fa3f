import process from 'node:process';
import { fileURLToPath } from 'node:url';
import type { Port } from '@pageferry/messages';
import { PROGRAM } from '../program-url.js';
import { startProcess } from '../start/fork.js';
import { startThread } from '../start/fork-thread.js';
import type { Life } from '../start/life.js';
import type { PoolSettings } from './options.js';

/** A worker that has connected. It keeps nothing alive. */
export interface StartedWorker {
  /** Of the process, or of the thread. */
  readonly id: number;
  readonly port: Port;
  readonly life: Life;
  /** Ends it at once. */
  kill(): void;
}

/**
 * Starts a process or a thread that runs the pool's program.
 *
 * @param signal ends it as long as it has not connected.
 * @throws as `fork` and `forkThread`.
 */
export async function startWorker(
  settings: PoolSettings,
  signal: AbortSignal,
): Promise<StartedWorker> {
  const { transport, channelPair, transportModule, channel, workerChannel, readyTimeout } =
    settings;
  const { timers, env, execArgv, args, resourceLimits } = settings;
  const common = {
    transport,
    channelPair,
    transportModule,
    channel,
    childChannel: workerChannel,
    readyTimeout,
    env,
    signal,
  };
  if (settings.threads) {
    const words = execArgv === undefined ? {} : { execArgv: [...execArgv] };
    const options = { ...common, ...words, argv: [...args], resourceLimits };
    const { worker, port, life } = await startThread(PROGRAM, options, timers);
    worker.unref();
    port.unref();
    return { id: worker.threadId, port, life, kill: () => void worker.terminate() };
  }
  const { child, port, life } = await startProcess(
    fileURLToPath(PROGRAM),
    args,
    {
      ...common,
      ...flagsWith(resourceLimits.maxOldGenerationSizeMb, execArgv),
      // It has begun nothing yet that could end in order.
      killSignal: 'SIGKILL',
      // What a program reads is its own.
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    },
    timers,
  );
  child.unref();
  child.channel?.unref();
  port.unref();
  return { id: child.pid ?? 0, port, life, kill: () => void child.kill('SIGKILL') };
}

/** Flags of a process, where they are not those that Node hands down by itself. */
function flagsWith(
  limit: number | undefined,
  execArgv: readonly string[] | undefined,
): { readonly execArgv?: string[] } {
  if (limit === undefined) return execArgv === undefined ? {} : { execArgv: [...execArgv] };
  const others = execArgv ?? withoutCode(process.execArgv);
  return { execArgv: [...others, `--max-old-space-size=${limit}`] };
}

/** What is left of this process's flags without the program of `node -e`: a worker would run that, and start workers. */
function withoutCode(flags: readonly string[]): readonly string[] {
  const isCode = (flag: string | undefined): boolean =>
    /^(?:-e|-p|-pe|--eval|--print)$/.test(flag ?? '');
  return flags.filter((flag, index) => !isCode(flag) && !isCode(flags[index - 1]));
}
