import { readFile } from 'node:fs/promises';
import { checkInteger, fileCallFailed } from '@pageferry/core';

/** What a part of a process's memory comes to, in bytes. */
export interface MemoryUse {
  /** Memory that is there (RSS). What several processes map counts in full in each of them. */
  readonly residentBytes: number;
  /** The process's share of it (PSS): of what several map, each has an equal part. Can be added up over processes. */
  readonly proportionalBytes: number;
  /** Of `residentBytes`, what other mappings have, too. */
  readonly sharedBytes: number;
  /** Of `residentBytes`, what nobody else maps: it is free again when the process ends. */
  readonly privateBytes: number;
}

/** What {@link memoryOf} has found. */
export interface ProcessMemory extends MemoryUse {
  /**
   * Of all this, the memory in which Pageferry passes messages: `shared-mmap`'s payload and rings, and the control
   * memory of every transport for Linux. What nobody else has looked at yet is private until somebody does.
   */
  readonly ferried: MemoryUse;
}

/** How the kernel names memory of Pageferry's, for as long as it lives. */
const FERRIED = /^\/memfd:pageferry/;

/** The line that a mapping begins with: addresses, permissions, offset, device, inode and perhaps a name. */
const MAPPING = /^[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \d+ *(.*)$/;

/** The lines that are added up, and to what. */
const SUMS: Readonly<Record<string, keyof MemoryUse>> = {
  Rss: 'residentBytes',
  Pss: 'proportionalBytes',
  Shared_Clean: 'sharedBytes',
  Shared_Dirty: 'sharedBytes',
  Private_Clean: 'privateBytes',
  Private_Dirty: 'privateBytes',
};

/**
 * How much memory a process has, with what it shares told apart from what is its own: `process.memoryUsage()` counts
 * a page that five processes map in each of the five. The kernel has to look at each page, which takes milliseconds: not
 * for every message. Linux only, and for processes of the same user.
 *
 * @param pid of this process unless given.
 * @throws `INVALID_ARGUMENT`; `SYSTEM_CALL_FAILED` with `errnoName` if the kernel does not tell: `ENOENT` where there is no
 *   such process or no `smaps` (proc_pid_smaps(5)), `EACCES` for one of another user.
 * @example
 * const { residentBytes, ferried } = await memoryOf();
 * console.log(residentBytes - ferried.residentBytes); // what this program itself takes up
 */
export async function memoryOf(pid: number = process.pid): Promise<ProcessMemory> {
  checkInteger('pid', pid, 1, 2 ** 31 - 1);
  let text: string;
  try {
    text = await readFile(`/proc/${pid}/smaps`, 'latin1');
  } catch (cause) {
    throw fileCallFailed(cause, 'read', 0);
  }
  return readMaps(text);
}

/** Adds up what `smaps` says of each mapping. */
export function readMaps(text: string): ProcessMemory {
  const [all, ferried] = [none(), none()];
  let isFerried = false;
  for (const line of text.split('\n')) {
    const [, name] = MAPPING.exec(line) ?? [];
    if (name !== undefined) {
      isFerried = FERRIED.test(name);
      continue;
    }
    const [, field = '', kibibytes = ''] = /^(\w+): +(\d+) kB$/.exec(line) ?? [];
    const sum = SUMS[field];
    if (sum === undefined) continue;
    all[sum] += Number(kibibytes) * 1024;
    if (isFerried) ferried[sum] += Number(kibibytes) * 1024;
  }
  return { ...all, ferried };
}

function none(): { -readonly [K in keyof MemoryUse]: number } {
  return { residentBytes: 0, proportionalBytes: 0, sharedBytes: 0, privateBytes: 0 };
}
