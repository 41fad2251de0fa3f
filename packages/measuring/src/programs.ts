import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rename } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ChildEnded } from './children.js';
import { endGroup, watchGroup } from './group.js';

/** A program of `limit/`; each says at its beginning what it does. */
export type ProgramName =
  | 'call_cost'
  | 'destination_limit'
  | 'memory_limit'
  | 'pipe_limit'
  | 'protocol_limit'
  | 'shm_limit';

const CLIENT = fileURLToPath(new URL('../../../clients/c/', import.meta.url));
/** What a program is compiled with besides: words for the compiler. */
const COMPILED_WITH: Partial<Record<ProgramName, readonly string[]>> = {
  protocol_limit: ['-I', CLIENT, join(CLIENT, 'pageferry.c')],
};

/** Why a program is not there. */
export const NO_COMPILER = 'there is no C compiler (cc, or CC)';

const run = promisify(execFile);
const programs = new Map<ProgramName, Promise<string | undefined>>();

/**
 * Compiles `limit/<name>.c`, once.
 *
 * @returns the program's path, or `undefined` where there is no C compiler (`cc`, or what `CC` names).
 * @throws what the compiler says if it refuses the program.
 */
export function buildProgram(name: ProgramName): Promise<string | undefined> {
  const building = programs.get(name) ?? compile(name);
  programs.set(name, building);
  return building;
}

async function compile(name: ProgramName): Promise<string | undefined> {
  const source = fileURLToPath(new URL(`../limit/${name}.c`, import.meta.url));
  const program = fileURLToPath(new URL(`../build/${name}`, import.meta.url));
  const unfinished = `${program}.${process.pid}`;
  await mkdir(new URL('../build/', import.meta.url), { recursive: true });
  const words = ['-std=gnu11', '-O2', '-o', unfinished, source, ...(COMPILED_WITH[name] ?? [])];
  try {
    await run(process.env['CC'] ?? 'cc', words);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  await rename(unfinished, program); // Another process may be running the one that is there.
  return program;
}

/**
 * Runs a program, and answers what it prints.
 *
 * @param signal ends the program and its children, which are gone when this settles. Without one, they stay
 * in the process group of this process, so that Ctrl-C ends them together with it.
 * @throws {ChildEnded} if the program fails. @throws the reason of `signal` when that fires.
 */
export async function runFile(
  program: string,
  words: readonly (string | number)[],
  signal?: AbortSignal,
): Promise<string> {
  signal?.throwIfAborted();
  const detached = signal !== undefined;
  const child = spawn(program, words.map(String), {
    detached,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  watchGroup(child);
  const stop = () => void endGroup(child);
  signal?.addEventListener('abort', stop);
  try {
    const [output, [code, name]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
    signal?.throwIfAborted();
    if (code !== 0) throw new ChildEnded(`${basename(program)} ${words[0]}`, name ?? code);
    return output;
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

/**
 * As {@link runFile}, with a program of `limit/`.
 *
 * @throws if there is no C compiler.
 */
export async function runProgram(
  name: ProgramName,
  words: readonly (string | number)[],
  signal?: AbortSignal,
): Promise<string> {
  const program = await buildProgram(name);
  if (program === undefined) throw new Error(NO_COMPILER);
  return runFile(program, words, signal);
}

/** As {@link runProgram}, for a program that prints numbers. */
export async function runForNumbers(...run: Parameters<typeof runProgram>): Promise<number[]> {
  return (await runProgram(...run)).trim().split(' ').map(Number);
}
