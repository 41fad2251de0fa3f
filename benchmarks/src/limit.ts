import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Task, Trial } from './task.js';

const run = promisify(execFile);

/**
 * Runs the C program with a piece size.
 *
 * @param oneBuffer send the same pages over and over, as no program with new data could.
 */
export type Limit = (task: Task, pieceBytes: number, oneBuffer?: boolean) => Promise<Trial>;

/** What the program's pipe holds. */
const PIPE_BYTES = 1024 * 1024;

const programs = new Map<string, Promise<string | undefined>>();

/**
 * Compiles `limit/<name>.c`, once, and answers the program's path, or `undefined` where there is no C
 * compiler (`cc`, or what `CC` names).
 */
export function buildProgram(name: string): Promise<string | undefined> {
  const building = programs.get(name) ?? compile(name);
  programs.set(name, building);
  return building;
}

async function compile(name: string): Promise<string | undefined> {
  const source = fileURLToPath(new URL(`../limit/${name}.c`, import.meta.url));
  const folder = fileURLToPath(new URL('../build/', import.meta.url));
  const program = `${folder}${name}`;
  mkdirSync(folder, { recursive: true });
  try {
    await run(process.env['CC'] ?? 'cc', ['-std=gnu11', '-O2', '-o', program, source]);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return program;
}

/** Runs a compiled program, and answers the numbers that it prints. */
export async function runProgram(program: string, words: readonly string[]): Promise<number[]> {
  const { stdout } = await run(program, [...words]);
  return stdout.trim().split(' ').map(Number);
}

/** `limit/pipe_limit.c`, or `undefined` where there is no C compiler. */
export async function buildLimit(): Promise<Limit | undefined> {
  const program = await buildProgram('pipe_limit');
  if (program === undefined) return undefined;
  return async ({ path, messageBytes, totalBytes }, pieceBytes, oneBuffer = false) => {
    // As many as can be in the pipe, and one to write into meanwhile.
    const buffers = oneBuffer ? 1 : Math.ceil(PIPE_BYTES / messageBytes) + 1;
    const mode = path === 'discard' ? 'splice' : 'read';
    const words = [mode, messageBytes, pieceBytes, totalBytes, buffers].map(String);
    const [nanoseconds = Number.NaN] = await runProgram(program, words);
    const bytes = Math.floor(totalBytes / messageBytes) * messageBytes;
    return { bytes, nanoseconds };
  };
}
