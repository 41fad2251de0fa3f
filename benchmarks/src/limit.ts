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

/** Builds `limit/pipe_limit.c`, or answers `undefined` where there is no C compiler. */
export async function buildLimit(): Promise<Limit | undefined> {
  const source = fileURLToPath(new URL('../limit/pipe_limit.c', import.meta.url));
  const folder = fileURLToPath(new URL('../build/', import.meta.url));
  const program = `${folder}pipe_limit`;
  mkdirSync(folder, { recursive: true });
  try {
    await run(process.env['CC'] ?? 'cc', ['-O2', '-o', program, source]);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return async ({ path, messageBytes, totalBytes }, pieceBytes, oneBuffer = false) => {
    // As many as can be in the pipe, and one to write into meanwhile.
    const buffers = oneBuffer ? 1 : Math.ceil(PIPE_BYTES / messageBytes) + 1;
    const mode = path === 'discard' ? 'splice' : 'read';
    const words = [mode, messageBytes, pieceBytes, totalBytes, buffers].map(String);
    const { stdout } = await run(program, words);
    const bytes = Math.floor(totalBytes / messageBytes) * messageBytes;
    return { bytes, nanoseconds: Number(stdout) };
  };
}
