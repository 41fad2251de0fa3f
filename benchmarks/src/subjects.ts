import { runPipeLimit } from '@pageferry/measuring/limits';
import { buildProgram } from '@pageferry/measuring/programs';
import { runBare, runFramed, runStdioPipe } from './pair.js';
import type { Task, Trial } from './task.js';

/** Something whose throughput is measured. */
export interface Subject {
  readonly name: string;
  /**
   * `limit`: the C program with buffers as a sender of new data needs them; its best piece size is
   * the limit. `one-buffer`: the C program that sends the same pages over and over.
   */
  readonly kind: 'limit' | 'one-buffer' | 'node';
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
  const program = await buildProgram('pipe_limit');
  const pieces = LIMIT_PIECES.filter(
    (piece) => program !== undefined && piece <= task.messageBytes,
  );
  const subjects = pieces.flatMap((pieceBytes): Subject[] => {
    const name = `C, pieces of ${pieceBytes / 1024} KiB`;
    const run = (oneBuffer: boolean) => (each: Task) => {
      const receive = each.path === 'discard' ? 'splice' : 'read';
      return runPipeLimit({ ...each, receive, pieceBytes, oneBuffer });
    };
    return [
      { name, kind: 'limit', run: run(false) },
      { name: `${name}, one buffer`, kind: 'one-buffer', run: run(true) },
    ];
  });
  subjects.push({ name: BARE, kind: 'node', run: runBare });
  subjects.push({ name: FRAMED, kind: 'node', run: runFramed });
  if (task.path === 'read') subjects.push({ name: STDIO, kind: 'node', run: runStdioPipe });
  return subjects;
}
