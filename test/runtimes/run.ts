import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';

/** How programs are started: a runtime, and what comes before the program. */
export interface Command {
  readonly path: string;
  readonly args: readonly string[];
}

/** What a program that has ended leaves behind. */
export interface Outcome {
  /** Its exit code, or the signal that has ended it. */
  readonly end: number | NodeJS.Signals;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one of `programs/` to its end. */
export async function run(
  { path, args }: Command,
  program: string,
  words: readonly string[],
  signal: AbortSignal,
): Promise<Outcome> {
  const file = fileURLToPath(new URL(`programs/${program}`, import.meta.url));
  const child = spawn(path, [...args, file, ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NO_COLOR: '1' },
    signal,
    killSignal: 'SIGKILL',
  });
  const output = Promise.all([text(child.stdout), text(child.stderr)]);
  const [code, killer] = await once(child, 'close');
  const [stdout, stderr] = await output;
  return { end: code ?? killer, stdout, stderr };
}

/** What a program has printed as JSON, once it has ended well; fails, and shows what it said, if it has not. */
export function printed<T>({ end, stdout, stderr }: Outcome): T {
  expect({ end, stderr }).toEqual({ end: 0, stderr: '' });
  return JSON.parse(stdout) as T;
}

/** Lends a folder for endpoints, and sees that nothing is left in it. */
export async function inFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'pf-runtimes-'));
  try {
    const result = await use(folder);
    expect(readdirSync(folder)).toEqual([]);
    return result;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
