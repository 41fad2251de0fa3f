import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { writeToDescriptor } from '@pageferry/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { stateOf } from './support/turns.js';

let folder: string;
let opened: number[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pageferry-core-'));
  opened = [];
});

afterEach(() => {
  for (const fd of opened) closeSync(fd);
  rmSync(folder, { recursive: true });
});

function openFile(path: string, flags: string | number): number {
  const fd = openSync(path, flags);
  opened.push(fd);
  return fd;
}

/** True if files in the folder for temporary files can be opened with `O_DIRECT`. */
function opensDirectly(): boolean {
  const place = mkdtempSync(join(tmpdir(), 'pageferry-core-'));
  try {
    const { O_CREAT, O_DIRECT, O_WRONLY } = constants;
    closeSync(openSync(join(place, 'file'), O_CREAT | O_DIRECT | O_WRONLY));
    return true;
  } catch {
    return false;
  } finally {
    rmSync(place, { recursive: true });
  }
}

/** The two ends of a pipe; neither blocks. */
function openPipe(): { readonly read: number; readonly write: number } {
  const path = join(folder, 'fifo');
  execFileSync('mkfifo', [path]);
  const read = openFile(path, constants.O_RDONLY | constants.O_NONBLOCK);
  return { read, write: openFile(path, constants.O_WRONLY | constants.O_NONBLOCK) };
}

test('writes everything, in pieces', async () => {
  const path = join(folder, 'file');
  const bytes = Buffer.alloc(2_500_000, 'abc');
  expect(await writeToDescriptor(openFile(path, 'w'), bytes, undefined)).toBe(bytes.length);
  expect(readFileSync(path).equals(bytes)).toBe(true);
});

test('waits for room in a pipe that does not block', async () => {
  const { read, write } = openPipe();
  const bytes = Buffer.alloc(300_000, 'abcdefg');
  const writing = writeToDescriptor(write, bytes, undefined);
  expect(await stateOf(writing)).toBe('pending');
  const arrived: Buffer[] = [];
  let length = 0;
  while (length < bytes.length) {
    const piece = Buffer.alloc(100_000);
    try {
      const count = readSync(read, piece);
      arrived.push(piece.subarray(0, count));
      length += count;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      // The writer's turn.
      await stateOf(writing);
    }
  }
  expect(await writing).toBe(bytes.length);
  expect(Buffer.concat(arrived).equals(bytes)).toBe(true);
});

test('an abort ends the wait and tells how much was written', async () => {
  const { write } = openPipe();
  const controller = new AbortController();
  const writing = writeToDescriptor(write, Buffer.alloc(300_000), controller.signal);
  expect(await stateOf(writing)).toBe('pending');
  controller.abort();
  expect(await writing).toBe(65_536);
});

test('an error says which call failed, how, and how much was written before', async () => {
  await expect(
    writeToDescriptor(openFile('/dev/full', 'w'), Buffer.alloc(10), undefined),
  ).rejects.toMatchObject({
    code: 'SYSTEM_CALL_FAILED',
    syscall: 'write',
    errno: 28,
    errnoName: 'ENOSPC',
    bytesTransferred: 0,
  });
});

test.runIf(opensDirectly())(
  'past the page cache: unaligned bytes go to the position, which moves on, and all stays open (11.30)',
  async () => {
    const path = join(folder, 'direct');
    const { O_CREAT, O_DIRECT, O_WRONLY } = constants;
    const fd = openFile(path, O_CREAT | O_DIRECT | O_WRONLY);
    const before = readdirSync('/proc/self/fd').length;
    const parts = Array.from({ length: 30 }, (_, index) => Buffer.alloc(index * 100 + 1, index));
    for (const part of parts)
      expect(await writeToDescriptor(fd, part, undefined)).toBe(part.length);
    setFlagsFromString('--expose-gc');
    (runInNewContext('gc') as () => void)();
    await new Promise(setImmediate);
    const last = Buffer.from('the end');
    expect(await writeToDescriptor(fd, last, undefined)).toBe(last.length);
    expect(readFileSync(path).equals(Buffer.concat([...parts, last]))).toBe(true);
    expect(readdirSync('/proc/self/fd').length).toBe(before);
  },
);
