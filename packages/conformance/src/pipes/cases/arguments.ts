import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { expectFailure } from '../../transport/harness/expectations.js';
import { LIMIT, textOf, useGround } from '../ground.js';
import type { PipeProgramsRegistration } from '../registration.js';

/** What is no pipe, and other mistakes: an error says what to pass instead, and nothing is done. */
export function describeArguments(subject: PipeProgramsRegistration): void {
  describe('arguments', () => {
    const ground = useGround(subject);
    const { openPipeWriter, openPipeReader, spawnPiped } = subject;

    async function expectRefused(call: () => unknown, argument: string, words: RegExp) {
      const error = await expectFailure(call, 'INVALID_ARGUMENT');
      expect(error.argument).toBe(argument);
      expect(error.message).toMatch(words);
    }

    test('the stdio streams of a child are sockets: the error says what to do', async () => {
      const child = spawn('cat', { stdio: ['pipe', 'pipe', 'inherit'] });
      const ended = once(child, 'close');
      type Handled = { readonly _handle: { readonly fd: number } };
      const [input, output] = [child.stdin, child.stdout].map(
        (stream) => (stream as unknown as Handled)._handle.fd,
      ) as [number, number];
      const { stdin, stdout } = child as unknown as Record<string, { fd: number }>;
      for (const pipe of [stdin, input]) {
        const words = /spawnPiped\(\) and use its stdin.*readEnd in stdio.*writeEnd here/;
        await expectRefused(() => openPipeWriter({ pipe: pipe as number }), 'pipe', words);
      }
      for (const pipe of [stdout, output]) {
        const words = /spawnPiped\(\) and use its stdout.*writeEnd in stdio.*readEnd here/;
        await expectRefused(() => openPipeReader({ pipe: pipe as number }), 'pipe', words);
      }
      child.stdin.end();
      expect(await ended).toEqual([0, null]);
    });

    test('a pipe is one end, and the right one', async () => {
      const pipe = ground.pipe();
      const both = pipe as unknown as { fd: number };
      const { readEnd, writeEnd } = pipe;
      await expectRefused(() => openPipeWriter({ pipe: both }), 'pipe', /one end.*\(writeEnd\)/);
      await expectRefused(() => openPipeReader({ pipe: both }), 'pipe', /one end.*\(readEnd\)/);
      await expectRefused(() => openPipeWriter({ pipe: readEnd }), 'pipe', /written to/);
      await expectRefused(() => openPipeReader({ pipe: writeEnd }), 'pipe', /read from/);
      const file = await ground.file('/dev/null', 'w');
      await expectRefused(() => openPipeWriter({ pipe: file }), 'pipe', /the writeEnd of a pipe/);
      await expectRefused(() => openPipeReader({ pipe: -1 }), 'pipe', /an open descriptor/);
      await expectRefused(() => openPipeReader({ pipe: '3' as never }), 'pipe', /descriptor/);
      const error = await expectFailure(
        () => openPipeReader({ pipe: 99_999 }),
        'SYSTEM_CALL_FAILED',
      );
      expect(error.errnoName).toBe('EBADF');
    });

    test('a pipe may be what Node opens: a handle, or a stream of node:fs that is open', async () => {
      const path = ground.path();
      expect(await (await ground.spawn('mkfifo', [path])).exited).toMatchObject({ code: 0 });
      const handle = await ground.file(path, 'r+');
      const stream = createWriteStream(path);
      ground.defer(() => once(stream.destroy(), 'close'));
      await expectRefused(() => openPipeWriter({ pipe: stream }), 'pipe', /'open' event/);
      await once(stream, 'open');
      const source = createReadStream(path);
      ground.defer(() => source.destroy());
      await once(source, 'open');
      const writer = await ground.writer({ pipe: stream });
      const reader = await ground.reader({ pipe: handle });
      const bySource = await ground.reader({ pipe: source });
      await writer.write(Buffer.from('through a fifo'), LIMIT);
      const chunk = await reader.read({ maxBytes: 9, ...LIMIT });
      expect(chunk?.copy().toString()).toBe('through a');
      expect((await bySource.read(LIMIT))?.copy().toString()).toBe(' fifo');
    });

    test('options are checked, with the name that is nearest', async () => {
      const { readEnd, writeEnd } = ground.pipe();
      const writer = { pipe: writeEnd };
      const reader = { pipe: readEnd };
      for (const [call, argument, words] of [
        [() => openPipeWriter({ ...writer, poolBytes: 0 }), 'poolBytes', /integer/],
        [() => openPipeWriter({ ...writer, spinMicroseconds: -1 }), 'spinMicroseconds', /0 to/],
        [() => openPipeWriter({ ...writer, poolByte: 1 } as never), 'poolByte', /'poolBytes'/],
        [() => openPipeReader({ ...reader, maxBorrowedBytes: 0.5 }), 'maxBorrowedBytes', /integer/],
        [() => openPipeReader(null as never), 'options', /object/],
        [() => spawnPiped(''), 'command', /name of a program/],
        [() => spawnPiped(7 as never), 'command', /not 7/],
        [() => spawnPiped('cat', ['a', 1 as never]), 'args', /strings/],
        [() => spawnPiped('cat', new Array(1)), 'args', /strings/],
        [() => spawnPiped('cat', [], { env: { A: Symbol('a') } } as never), 'options', /Symbol/],
        [() => spawnPiped('cat', [], { stdin: 'pipes' as never }), 'stdin', /'pipe', 'inherit'/],
        [() => spawnPiped('cat', [], { stderr: -2 }), 'stderr', /descriptor/],
        [() => spawnPiped('cat', [], { killSignal: 'SIGNOT' as never }), 'killSignal', /SIGTERM/],
        [() => spawnPiped('cat', [], { killOnClose: 1 as never }), 'killOnClose', /true or false/],
        [() => spawnPiped('cat', [], { signal: {} as never }), 'signal', /AbortSignal/],
        [() => spawnPiped('cat', [], { poolBytes: 0 }), 'poolBytes', /integer/],
        [() => spawnPiped('cat', [], { maxBorrowedBytes: -1 }), 'maxBorrowedBytes', /integer/],
        [() => spawnPiped('cat', [], { stdio: 'pipe' } as never), 'stdio', /'stdin'|stdin,/],
        [() => spawnPiped('cat', ['a\0b']), 'options', /null bytes/],
      ] as const) {
        await expectRefused(call, argument, words);
      }
    });

    test('calls are checked before they do anything', async () => {
      const { stdin, stdout } = await ground.spawn('cat');
      const nothing = await ground.file('/dev/null', 'w');
      for (const [call, argument] of [
        [() => stdin.loan(-1), 'byteLength'],
        [() => stdin.tryLoan(1.5), 'byteLength'],
        [() => stdin.loan(1, { timeout: -1 }), 'timeout'],
        [() => stdin.write('text' as never), 'bytes'],
        [() => stdin.write(new ArrayBuffer(8) as never), 'bytes'],
        [() => stdin.write(new Array(1)), 'bytes'],
        [() => stdin.write(new Uint8Array(1), { maxBytes: 1 } as never), 'maxBytes'],
        [() => stdin.flush({ signal: 1 as never }), 'signal'],
        [() => stdin.close({ timeouts: 1 } as never), 'timeouts'],
        [() => stdout.read({ maxBytes: 0 }), 'maxBytes'],
        [() => stdout.tryRead({ maxBytes: Number.NaN }), 'maxBytes'],
        [() => stdout.tryRead({ timeout: 1 } as never), 'timeout'],
        [() => stdout.spliceTo(process as never), 'destination'],
        [() => stdout.spliceTo(nothing, { maxBytes: -1 }), 'maxBytes'],
        [() => stdout.spliceTo(nothing, { tee: nothing }), 'tee'],
      ] as const) {
        await expectRefused(call, argument, /./);
      }
      await expectFailure(() => stdin.loan(2 ** 40), 'MESSAGE_TOO_LARGE');
      await stdin.write(Buffer.from('all the same'), LIMIT);
      await stdin.close(LIMIT);
      expect(await textOf(stdout)).toBe('all the same');
    });

    /** As a byte stream does with what is put into it. */
    function takeOver(bytes: Uint8Array | undefined): void {
      new ReadableStream({
        type: 'bytes',
        start: (controller) => controller.enqueue(bytes as Uint8Array<ArrayBuffer>),
      });
    }

    test('bytes that another API has taken over are told, and the writer goes on', async () => {
      const { stdin, stdout } = await ground.spawn('cat');
      const loan = await stdin.loan(100, LIMIT);
      takeOver(loan.bytes);
      await expectFailure(() => loan.send(LIMIT), 'BYTES_DETACHED');
      loan.release();
      await stdin.write(Buffer.from('on'), LIMIT);
      const chunk = await stdout.read(LIMIT);
      takeOver(chunk?.bytes);
      await expectFailure(() => chunk?.bytes, 'BYTES_DETACHED');
      chunk?.release();
      await stdin.write(Buffer.from('and on'), LIMIT);
      await stdin.close(LIMIT);
      expect(await textOf(stdout)).toBe('and on');
    });

    test('bytes to write that are not there any more, or change while it waits, are told, and nothing of them is written', async () => {
      const { stdin, stdout } = await ground.spawn('cat', [], { poolBytes: 2 ** 20 });
      const gone = new Uint8Array(100);
      takeOver(gone);
      await expectFailure(() => stdin.write(gone, LIMIT), 'BYTES_DETACHED');
      const all = await stdin.loan(2 ** 20, LIMIT);
      const later = new Uint8Array(100);
      const writing = stdin.write(later, LIMIT);
      takeOver(later);
      all.release();
      await expectFailure(() => writing, 'BYTES_DETACHED');
      await stdin.write([new Uint8Array(0), Buffer.from('all the same')], LIMIT);
      await stdin.close(LIMIT);
      expect(await textOf(stdout)).toBe('all the same');
    });
  });
}
