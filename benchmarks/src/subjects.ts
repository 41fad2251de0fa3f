import { buildLimit } from './limit.js';
import { runBare, runFramed, runStdioPipe } from './pair.js';
import type { Task, Trial } from './task.js';

/** Something whose throughput is measured. */
export interface Subject {
  readonly name: string;
  /** True for the C program, whose best variant is the limit. */
  readonly limit: boolean;
  readonly run: (task: Task) => Promise<Trial>;
}

/** Piece sizes with which the C program is tried; the best one is the limit. */
const LIMIT_PIECES = [64, 128, 256, 512, 1024].map((kibibytes) => kibibytes * 1024);

/** Names of the subjects that the ratios are about. */
export const FRAMED = 'vmsplice-napi';
export const BARE = 'Node, bare system calls';
export const STDIO = 'stdio of a Node child';

/** The subjects for a task. Without a C compiler, those in C are missing. */
export async function subjectsFor(task: Task): Promise<readonly Subject[]> {
  const limit = await buildLimit();
  const subjects: Subject[] = [];
  for (const piece of limit === undefined ? [] : LIMIT_PIECES) {
    if (piece > task.messageBytes) continue;
    const name = `C, pieces of ${piece / 1024} KiB`;
    subjects.push({ name, limit: true, run: (each) => limit?.(each, piece) as Promise<Trial> });
  }
  subjects.push({ name: BARE, limit: false, run: runBare });
  subjects.push({ name: FRAMED, limit: false, run: runFramed });
  if (task.path === 'read') subjects.push({ name: STDIO, limit: false, run: runStdioPipe });
  return subjects;
}
