import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { glibcVersion } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { describe, expect, test } from 'vitest';

const PROGRAM = fileURLToPath(new URL('programs/long-copy.mjs', import.meta.url));
const HELPING = fileURLToPath(new URL('programs/helping-thread.mjs', import.meta.url));
const COPIES = 4;
const isRoot = process.getuid?.() === 0;
const bytes = new Uint8Array(1);
/** arm64 has no such copy. */
const copies = loadLinuxCalls().copyPastCache(bytes, 0, 0, bytes, 0, 0) === 0;

/** What a process has to say of its copies. */
function told(command: string, ...words: string[]): unknown {
  return JSON.parse(execFileSync(command, words, { encoding: 'utf8' }));
}

describe.runIf(copies)('a copy that two threads share', () => {
  const right = Array.from({ length: COPIES }, () => {
    return { answer: 0, isWhole: true, isLeftAlone: true };
  });

  test('has every byte in its place, and touches no other', () => {
    expect(told(process.execPath, PROGRAM)).toEqual(right);
  });

  // Where the other processors are busy for a moment the scheduler would begin it here, and it would begin when all is done.
  // Only glibc can be told that.
  const canBegin = availableParallelism() > 1 && glibcVersion() !== undefined;
  test.runIf(canBegin)('is made on two processors', () => {
    expect(told(process.execPath, HELPING)).toEqual({ fewer: 1, isFree: true });
  });

  test('is made by one of them where there is one processor', () => {
    const [first] =
      /Cpus_allowed_list:\s*(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.slice(1) ?? [];
    expect(told('taskset', '-c', `${first}`, process.execPath, PROGRAM)).toEqual(right);
  });

  test.runIf(isRoot)('is made by one of them where no other may be started (needs root)', () => {
    expect(told(process.execPath, PROGRAM, 'no-threads')).toEqual(right);
  });
});
