import { createHook } from 'node:async_hooks';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, writeFileSync, writeSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { Channel } from '@pageferry/core';
import { createPipe } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { sharedMmap } from '@pageferry/shared-mmap';
import { loanFrom } from '@pageferry/streams';
import { expectNothingLeft, turns, withCode } from '@pageferry/testkit';
import { describe, expect, onTestFinished, test } from 'vitest';
import { content, TRANSPORTS, until, usePlace } from './support/ends.js';

const place = usePlace();
const calls = loadLinuxCalls();

/** What a call takes out of its loan, which it gives back. */
async function taken(
  channel: Channel,
  ...rest: Parameters<typeof loanFrom> extends [unknown, ...infer R] ? R : never
) {
  const loan = await loanFrom(channel, ...rest);
  if (loan === undefined) return undefined;
  const bytes = Buffer.from(loan.bytes);
  loan.release();
  return bytes;
}

describe.each(TRANSPORTS)('loans of $name that fill themselves', (transport) => {
  expectNothingLeft();

  test('are frames out of the standard output of a program', async () => {
    await using ends = await place.oneWay(transport);
    const program = spawn(process.execPath, [
      '-e',
      'for (let n = 0; n < 300; n++) process.stdout.write(Buffer.alloc(1000, n))',
    ]);
    let frames = 0;
    for (;;) {
      const loan = await loanFrom(ends.sender, program.stdout, 100_000);
      if (loan === undefined) break;
      const expected = Buffer.concat(
        Array.from({ length: 100 }, (_, index) => Buffer.alloc(1000, frames * 100 + index)),
      );
      expect(expected.equals(loan.bytes)).toBe(true);
      expect(await loan.send()).toBe('sent');
      (await ends.receiver.receive())?.release();
      frames++;
    }
    expect(frames).toBe(3);
    expect(ends.sender.stats().loansHeld).toBe(0);
  });

  test('are read out of a file straight, by FileHandle and by number', async () => {
    await using ends = await place.twoWay(transport);
    const path = place.fresh('file');
    const data = content(1_000_000);
    writeFileSync(path, data);
    const handle = await open(path);
    const fd = openSync(path, 'r');
    for (const source of [handle, fd]) {
      expect((await taken(ends.here, source, 600_000))?.equals(data.subarray(0, 600_000))).toBe(
        true,
      );
      await expect(loanFrom(ends.here, source, 600_000)).rejects.toMatchObject({
        code: 'UNEXPECTED_END',
        bytesTransferred: 400_000,
      });
      expect(await loanFrom(ends.here, source, 1)).toBe(undefined);
    }
    await handle.close();
    expect(calls.close(fd)).toBe(0);
    await until(() => ends.here.stats().loansHeld === 0);
  });
});

/** Counts the calls that go to the thread pool, until the test ends. */
function countFileCalls(): { readonly count: number } {
  const calling = { count: 0 };
  const hook = createHook({
    init(_id, type) {
      if (type === 'FSREQCALLBACK') calling.count++;
    },
  }).enable();
  onTestFinished(() => void hook.disable());
  return calling;
}

describe('a loan that fills itself', () => {
  expectNothingLeft();

  test('takes of a stream no more than it needs', async () => {
    await using ends = await place.twoWay(sharedMmap);
    const stream = Readable.from([Buffer.from('0123'), Buffer.from('456789')], {
      objectMode: false,
    });
    expect(String(await taken(ends.here, stream, 3))).toBe('012');
    expect(String(await taken(ends.here, stream, 3))).toBe('345');
    expect((await stream.toArray()).join('')).toBe('6789');
  });

  test('finds what a program has written that has ended between two calls', async () => {
    await using ends = await place.twoWay(sharedMmap);
    const program = spawn(process.execPath, ['-e', "process.stdout.write('onetwo')"]);
    const ended = once(program, 'exit');
    expect(String(await taken(ends.here, program.stdout, 3))).toBe('one');
    await ended;
    await turns();
    expect(String(await taken(ends.here, program.stdout, 3))).toBe('two');
    expect(await taken(ends.here, program.stdout, 3)).toBe(undefined);
  });

  test('leaves the rest of a stream to whoever reads it otherwise', async () => {
    await using ends = await place.twoWay(sharedMmap);
    const stream = new PassThrough();
    stream.write('0123');
    expect(String(await taken(ends.here, stream, 3))).toBe('012');
    const rest = buffer(stream.pipe(new PassThrough()));
    stream.end('456');
    expect(String(await rest)).toBe('3456');
    expect(stream.listenerCount('newListener')).toBe(0);
  });

  test('says after how many bytes a stream has ended, and fails with what that fails with', async () => {
    await using ends = await place.twoWay(sharedMmap);
    const short = Readable.from([Buffer.alloc(7)], { objectMode: false });
    await expect(loanFrom(ends.here, short, 8)).rejects.toMatchObject({
      code: 'UNEXPECTED_END',
      bytesTransferred: 7,
    });
    expect(await loanFrom(ends.here, short, 8)).toBe(undefined);
    const failing = new PassThrough();
    const reading = loanFrom(ends.here, failing, 8);
    failing.write('123');
    failing.destroy(new Error('no disk'));
    await expect(reading).rejects.toThrow('no disk');
    const cut = new PassThrough();
    const readingCut = loanFrom(ends.here, cut, 8);
    cut.destroy();
    await expect(readingCut).rejects.toThrow(
      expect.objectContaining({ code: 'ERR_STREAM_PREMATURE_CLOSE' }),
    );
    await until(() => ends.here.stats().loansHeld === 0);
  });

  test('does not take text for bytes when a stream is told to give text', async () => {
    await using ends = await place.twoWay(sharedMmap);
    const stream = new PassThrough();
    stream.write('ab');
    const reading = loanFrom(ends.here, stream, 5);
    await until(() => stream.readableLength === 0);
    stream.setEncoding('utf8');
    stream.end('cdefg');
    await expect(reading).rejects.toThrow(withCode('INVALID_ARGUMENT'));
    expect((await stream.toArray()).join('')).toBe('abcdefg');
    await until(() => ends.here.stats().loansHeld === 0);
  });

  test.each(['hex', 'latin1', 'utf8'] as const)(
    'gives bytes back as %s to a stream of that',
    async (encoding) => {
      await using ends = await place.twoWay(sharedMmap);
      const stream = new PassThrough();
      const bytes = Buffer.from('é!', encoding === 'utf8' ? 'utf8' : 'latin1');
      stream.write(bytes);
      const reading = loanFrom(ends.here, stream, 50);
      await until(() => stream.readableLength === 0);
      stream.setEncoding(encoding);
      stream.end('efgh');
      await expect(reading).rejects.toThrow(withCode('INVALID_ARGUMENT'));
      const all = Buffer.concat([bytes, Buffer.from('efgh')]);
      expect((await stream.toArray()).join('')).toBe(all.toString(encoding));
    },
  );

  test('that is given up leaves a stream as it was', async () => {
    await using ends = await place.twoWay(sharedMmap);
    const stream = new PassThrough();
    stream.write('abc');
    const abort = new AbortController();
    const given = loanFrom(ends.here, stream, 5, { signal: abort.signal });
    const behind = taken(ends.here, stream, 5);
    await until(() => stream.readableLength === 0);
    abort.abort();
    await expect(given).rejects.toThrow(withCode('ABORTED'));
    await expect(loanFrom(ends.here, stream, 50, { timeout: 1 })).rejects.toThrow(
      withCode('TIMEOUT'),
    );
    stream.end('defgh');
    expect(String(await behind)).toBe('abcde');
    expect(String(await taken(ends.here, stream, 3))).toBe('fgh');
    expect(stream.listenerCount('readable')).toBeLessThanOrEqual(1);
    await until(() => ends.here.stats().loansHeld === 0);
  });

  test('keeps its memory until the thread that reads into it is done, and what it has read', async () => {
    await using ends = await place.twoWay(sharedMmap);
    const descriptors = new Int32Array(2);
    expect(calls.pipe2(descriptors, 0)).toBe(0);
    const [readEnd = -1, writeEnd = -1] = descriptors;
    const source = { fd: readEnd };
    const abort = new AbortController();
    writeSync(writeEnd, 'abc');
    const calling = countFileCalls();
    const given = loanFrom(ends.here, source, 8, { signal: abort.signal });
    // The second one waits for more than there is.
    await until(() => calling.count === 2);
    abort.abort();
    await expect(given).rejects.toThrow(withCode('ABORTED'));
    await turns();
    expect(ends.here.stats().loansHeld).toBe(1);
    const next = taken(ends.here, source, 6);
    await turns();
    writeSync(writeEnd, 'defgh');
    expect(String(await next)).toBe('abcdef');
    expect(calls.close(writeEnd)).toBe(0);
    expect(String(await taken(ends.here, source, 2))).toBe('gh');
    expect(await taken(ends.here, source, 2)).toBe(undefined);
    await until(() => ends.here.stats().loansHeld === 0);
    expect(calls.close(readEnd)).toBe(0);
  });

  test('waits for a descriptor that does not block', async () => {
    await using ends = await place.twoWay(sharedMmap);
    const pipe = createPipe(calls);
    const reading = taken(ends.here, pipe.readEnd.fd, 4);
    await turns();
    for (const piece of ['a', 'bc', 'd']) {
      writeSync(pipe.writeEnd.fd, piece);
      await turns();
    }
    expect(String(await reading)).toBe('abcd');
    pipe.writeEnd.close();
    pipe.readEnd.close();
  });

  test('fails with the call that failed', async () => {
    await using ends = await place.twoWay(sharedMmap);
    const folder: FileHandle = await open('/');
    await expect(loanFrom(ends.here, folder, 4)).rejects.toMatchObject({
      code: 'SYSTEM_CALL_FAILED',
      syscall: 'read',
      errnoName: 'EISDIR',
    });
    await folder.close();
    await until(() => ends.here.stats().loansHeld === 0);
    for (const source of [folder, 'text', {}, Readable.from(['objects'])]) {
      await expect(loanFrom(ends.here, source as never, 4)).rejects.toThrow(
        withCode('INVALID_ARGUMENT'),
      );
    }
    await expect(loanFrom(ends.here, new PassThrough(), 0)).rejects.toThrow(
      withCode('INVALID_ARGUMENT'),
    );
  });

  test('waits for its turn: two calls at once get one frame after the other', async () => {
    await using ends = await place.twoWay(sharedMmap);
    const stream = new PassThrough();
    const frames = Promise.all([1, 2, 3].map(() => taken(ends.here, stream, 4)));
    for (const letter of 'aaaabbbbcccc') {
      stream.write(letter);
      await turns(2);
    }
    expect((await frames).map(String)).toEqual(['aaaa', 'bbbb', 'cccc']);
    stream.end().resume();
    await once(stream, 'end');
  });
});
