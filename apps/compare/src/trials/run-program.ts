import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { endGroup, watchGroup } from './end-group.js';
import type { TrialReport } from './task.js';

/** What a program of `limit/` prints. */
interface Printed {
  readonly messages: number;
  readonly nanoseconds: number;
  readonly cpuMicroseconds: number;
  readonly contextSwitches: number;
  readonly pageFaults: number;
  readonly peakRssBytes: number;
  readonly p50?: number;
  readonly p99?: number;
  readonly p999?: number;
}

/** Runs a program of `limit/` once. Its processes are gone when this settles. */
export async function runProgram(
  program: string,
  words: readonly string[],
  signal: AbortSignal,
): Promise<TrialReport> {
  signal.throwIfAborted();
  const child = spawn(program, words, { detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
  watchGroup(child);
  const stop = () => void endGroup(child);
  signal.addEventListener('abort', stop);
  try {
    const [output, [code, name]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
    signal.throwIfAborted();
    if (code !== 0) throw new Error(`${words[0]} ended with ${name ?? code}`);
    const { messages, nanoseconds, p50, p99, p999, ...usage } = JSON.parse(output) as Printed;
    const roundTrip =
      p50 === undefined || p99 === undefined || p999 === undefined ? undefined : { p50, p99, p999 };
    return { messages, nanoseconds, usage, roundTrip, knobs: { messages } };
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
