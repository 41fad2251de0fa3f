import { readdirSync, readlinkSync, statSync } from 'node:fs';
import { dispose } from '@pageferry/core';
import { createPipe, growPipe, type LinuxCalls, largestPipeSize, Scope } from '@pageferry/linux';
import { isPrivileged, readNumber } from './proc.js';

/** What pipes may be like here (pipe(7)). */
export interface Pipes {
  /** `/proc/sys/fs/pipe-max-size` in bytes. */
  readonly maxBytes: number;
  /** Bytes in a new pipe: 64 KiB, and one or two pages for a user past the soft budget. */
  readonly newBytes: number | undefined;
  /** Bytes in a new pipe that was grown as far as possible. */
  readonly grownBytes: number | undefined;
  /** Pages that all pipes of a user may have before new ones shrink; 0 for no limit. */
  readonly userPagesSoft: number | undefined;
  /** Pages above which a user gets no pipe at all; 0 for no limit. */
  readonly userPagesHard: number | undefined;
  /** True if the two limits do not bind this process. */
  readonly unlimited: boolean;
  /**
   * Pipes that processes of this user hold, and the pages in them if each has its first size. The
   * kernel does not tell how large other processes' pipes are.
   */
  readonly openPipes: number;
  readonly estimatedPages: number;
}

/** Makes a pipe, grows it, and counts those that there are. */
export function examinePipes(calls: LinuxCalls): Pipes {
  const openPipes = countPipes();
  return {
    maxBytes: largestPipeSize(),
    ...trialPipe(calls),
    userPagesSoft: readNumber('/proc/sys/fs/pipe-user-pages-soft'),
    userPagesHard: readNumber('/proc/sys/fs/pipe-user-pages-hard'),
    unlimited: isPrivileged(),
    openPipes,
    estimatedPages: openPipes * PAGES_IN_A_NEW_PIPE,
  };
}

/** `PIPE_DEF_BUFFERS`, include/linux/pipe_fs_i.h. */
const PAGES_IN_A_NEW_PIPE = 16;

/** How large a new pipe is, and becomes. */
export function trialPipe(calls: LinuxCalls): Pick<Pipes, 'newBytes' | 'grownBytes'> {
  const scope = new Scope();
  try {
    const pipe = createPipe(calls);
    const readEnd = scope.own(pipe.readEnd);
    const writeEnd = scope.own(pipe.writeEnd);
    const newBytes = calls.getPipeSize(readEnd.fd);
    return { newBytes, grownBytes: growPipe(calls, writeEnd.fd, largestPipeSize()) };
  } catch {
    return { newBytes: undefined, grownBytes: undefined };
  } finally {
    scope[dispose]();
  }
}

/** Distinct pipes that processes of this user have open, as far as `/proc` shows them. */
function countPipes(): number {
  const user = process.getuid?.();
  const pipes = new Set<string>();
  for (const entry of list('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const folder = `/proc/${entry}`;
    try {
      if (Number(statSync(folder, { bigint: true }).uid) !== user) continue;
    } catch {
      continue; // It has ended meanwhile.
    }
    for (const fd of list(`${folder}/fd`)) {
      const target = linkTarget(`${folder}/fd/${fd}`);
      if (target?.startsWith('pipe:')) pipes.add(target);
    }
  }
  return pipes.size;
}

function list(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // Gone, or not for this process to see.
  }
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
