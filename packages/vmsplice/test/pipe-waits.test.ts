import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { LinuxCalls } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { expectNothingLeft, turns } from '@pageferry/testkit';
import { createPipePrograms } from '@pageferry/vmsplice';
import { describe, expect, test } from 'vitest';
import { callsWith } from './support/pair.js';

const real = loadLinuxCalls();
const LIMIT = { timeout: 10_000 };
const MIB = 1024 * 1024;
/** More than any pipe takes. */
const LARGE = 3 * MIB;

/** System calls, and how often the kernel has told that a watched descriptor is ready. */
function counted(changed: Partial<LinuxCalls> = {}) {
  const told = { times: 0 };
  const calls = callsWith({
    ...changed,
    watch: (fd, events, onReady) =>
      real.watch(fd, events, (...words) => {
        told.times++;
        onReady(...words);
      }),
  });
  return { told, ...createPipePrograms(() => calls) };
}

describe('a loan that waits for the program itself', () => {
  expectNothingLeft();

  test.each(['lives', 'is gone'])(
    'leaves the processor alone while the reader %s',
    async (state) => {
      const { told, openPipeWriter, openPipe } = counted();
      const { readEnd, writeEnd } = openPipe();
      const writer = await openPipeWriter({ pipe: writeEnd, poolBytes: 4096, spinMicroseconds: 0 });
      const held = await writer.loan(4096);
      if (state === 'is gone') readEnd.close();
      const waiting = writer.loan(4096, LIMIT);
      await turns(50);
      expect(told.times).toBe(0);
      held.release();
      (await waiting).release();
      await writer.close();
      readEnd.close();
      writeEnd.close();
    },
  );

  test.each([4096, LARGE])('gets the memory of %i bytes that leave', async (byteLength) => {
    const { openPipeWriter, openPipe } = counted();
    const { readEnd, writeEnd } = openPipe();
    const writer = await openPipeWriter({ pipe: writeEnd, poolBytes: 1, spinMicroseconds: 0 });
    const held = await writer.loan(byteLength);
    const waiting = writer.loan(4096, LIMIT);
    await turns(50);
    expect(held.trySend()).toBe('sent');
    const cat = spawn('cat', { stdio: [readEnd.fd, 'ignore', 'inherit'] });
    (await waiting).release();
    await writer.close();
    readEnd.close();
    writeEnd.close();
    await once(cat, 'exit');
  });
});

describe('a reader of a pipe that holds all it may', () => {
  expectNothingLeft();

  test.each(['lives', 'is gone'])(
    'leaves the processor alone while the writer %s',
    async (state) => {
      const { told, openPipeReader, openPipe } = counted();
      const { readEnd, writeEnd } = openPipe();
      const reader = await openPipeReader({
        pipe: readEnd,
        maxBorrowedBytes: 1,
        spinMicroseconds: 0,
      });
      real.write(writeEnd.fd, Buffer.from('first'), 0, 5);
      const held = await reader.read(LIMIT);
      real.write(writeEnd.fd, Buffer.from('second'), 0, 6);
      if (state === 'is gone') writeEnd.close();
      const waiting = reader.read(LIMIT);
      await turns(50);
      expect(told.times).toBe(0);
      held?.release();
      const next = await waiting;
      expect(next?.copy().toString()).toBe('second');
      next?.release();
      await reader.close();
      readEnd.close();
      writeEnd.close();
    },
  );
});

test('a loan that waits for the program itself keeps the process alive', async () => {
  const program = `
    import { loadLinuxCalls } from '@pageferry/linux-napi';
    import { createPipePrograms } from '@pageferry/vmsplice';
    const { openPipeWriter, openPipe } = createPipePrograms(loadLinuxCalls);
    const writer = await openPipeWriter({ pipe: openPipe().writeEnd, poolBytes: 1 });
    const held = await writer.loan(1);
    setTimeout(() => held.release(), 1500).unref();
    (await writer.loan(1)).release();
    await writer.close();
    console.log('done');
  `;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: new URL('.', import.meta.url),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (piece) => {
    output += piece;
  });
  expect(await once(child, 'close')).toEqual([0, null]);
  expect(output).toBe('done\n');
});
