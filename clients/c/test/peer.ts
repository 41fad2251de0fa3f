import {
  type ChildProcess,
  execFile,
  type SpawnOptions,
  spawn,
  spawnSync,
} from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, onTestFinished } from 'vitest';

/** Runs a compiler. */
export const run = promisify(execFile);

/** The folder of the client in C. */
export const SOURCE = fileURLToPath(new URL('..', import.meta.url));

/** Everything that warns. */
export const WARNINGS = ['-Wall', '-Wextra', '-Wconversion', '-Wsign-conversion', '-Werror'];

/** What watches memory. */
export const SANITIZERS = ['-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'];

/** What watches threads. It knows no fences by themselves; every access beside them is atomic. */
export const THREAD_SANITIZER = ['-g', '-Wno-tsan', '-fsanitize=thread'];

export const hasCompiler = spawnSync('gcc', ['--version']).status === 0;

/** What the title of a suite says where it is skipped. */
export const whySkipped: string = hasCompiler ? '' : ' (there is no gcc)';

/** FNV-1a, 32 bits, as the peer prints it. */
export function hashOf(bytes: Uint8Array): string {
  let hash = 2166136261;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 16777619) >>> 0;
  return hash.toString(16).padStart(8, '0');
}

/** How long a compiler may take where others are at work, in milliseconds. */
export const COMPILING = 120_000;

/** Compiles a program of the folder `test` with the client, and other files of that folder. */
export async function compile(
  name: string,
  target: string,
  flags: readonly string[] = SANITIZERS,
  others: readonly string[] = [],
): Promise<void> {
  const sources = [name, ...others].map((each) => `test/${each}.c`);
  const files = ['pageferry.c', ...sources].map((file) => join(SOURCE, file));
  await run('gcc', ['-std=c11', ...WARNINGS, ...flags, ...files, '-pthread', '-o', target]);
}

/** Starts a program, which ends with the test. */
export function start(
  program: string,
  args: readonly string[],
  stdio: SpawnOptions['stdio'] = ['pipe', 'pipe', 'pipe'],
): ChildProcess {
  const child = spawn(program, args, { stdio });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  return child;
}

/** What a peer has printed, once it has ended. */
export async function linesOf(child: ChildProcess): Promise<readonly string[]> {
  const ended = once(child, 'close');
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new Error('it has no output');
  const [out, errors] = await Promise.all([text(stdout), text(stderr)]);
  await ended;
  expect(errors).toBe('');
  return out.trimEnd().split('\n');
}

/** The lines that a program prints, one by one. */
export function nextLines(child: ChildProcess): () => Promise<string | undefined> {
  if (child.stdout === null) throw new Error('it has no output');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return async () => {
    const { value, done } = await lines.next();
    return done === true ? undefined : value;
  };
}
