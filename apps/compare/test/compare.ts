import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, vi } from 'vitest';

vi.setConfig({ testTimeout: 60_000 });

/** The built command line. */
export const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

/** What is left of a run. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A process that runs the comparison. */
export interface Running {
  readonly process: ChildProcessWithoutNullStreams;
  /** Resolves when it has ended, and so have all that hold its stdout or stderr. */
  readonly ended: Promise<Ended>;
}

/** A folder of the test's own. Temporary files of the comparison go there, too. */
export let folder: string;

/** The path of something in the test's folder. */
export const inFolder = (...names: string[]): string => join(folder, ...names);

const started = new Set<Running>();

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pageferry-compare-test-'));
});

afterEach(async () => {
  for (const running of started) running.process.kill('SIGKILL');
  await Promise.all([...started].map(({ ended }) => ended));
  started.clear();
  rmSync(folder, { recursive: true, force: true });
});

/** Starts the comparison with its temporary files in the test's folder. */
export function start(args: readonly string[], env: NodeJS.ProcessEnv = {}): Running {
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: folder,
    env: { ...process.env, TMPDIR: folder, NO_COLOR: '1', ...env },
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output.stderr += text;
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, ...output }));
  });
  const running = { process: child, ended };
  started.add(running);
  return running;
}

/** Runs the comparison to its end. */
export const compare = (...args: string[]): Promise<Ended> => start(args).ended;
