import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ENOMEM, EPERM, type LinuxCalls } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { createAttachments } from '@pageferry/vmsplice';
import { afterAll, describe, expect, test } from 'vitest';
import { callsWith, pattern } from './support/pair.js';

const folder = mkdtempSync(join(tmpdir(), 'pageferry-attached-'));
afterAll(() => rmSync(folder, { recursive: true }));

const bindings: readonly (readonly [string, LinuxCalls])[] = [
  ['vmsplice', loadLinuxCalls()],
  ['write, where vmsplice is refused', callsWith({ vmsplice: () => -EPERM })],
];

/** Starts a program whose standard input is a plain pipe; its output goes to a file. */
function startReader(readEnd: number, command: string, ...words: string[]) {
  const path = join(folder, `output-${command}-${Math.random().toString(36).slice(2)}`);
  const output = openSync(path, 'w');
  const child = spawn(command, words, { stdio: [readEnd, output, 'inherit'] });
  closeSync(output);
  const ended = once(child, 'exit').then(([code]) => ({ code, output: () => readFileSync(path) }));
  return { child, ended };
}

describe.each(bindings)('a sender attached to the pipe of a foreign program, by %s', (_, calls) => {
  const { attachSender, openPipe } = createAttachments(() => calls);

  test('delivers every byte in order, messages reused many times over', async () => {
    const pipe = openPipe();
    const { ended } = startReader(pipe.readEnd.fd, 'cat');
    pipe.readEnd.close();
    const sender = await attachSender({ pipe: pipe.writeEnd, poolBytes: 1_000_000 });
    const messages = Array.from({ length: 60 }, (__, index) => pattern(1 + index * 12_345, index));
    for (const message of messages) {
      expect(await sender.send(message)).toBe('sent');
    }
    await sender.close();
    pipe.writeEnd.close();
    const { code, output } = await ended;
    expect(code).toBe(0);
    expect(output().equals(Buffer.concat(messages))).toBe(true);
  });

  test('goes on when this program closes its own end, whoever gets the number then', async () => {
    const pipe = openPipe();
    const { ended } = startReader(pipe.readEnd.fd, 'cat');
    pipe.readEnd.close();
    const sender = await attachSender({ pipe: pipe.writeEnd });
    pipe.writeEnd.close();
    const other = openPipe();
    expect(await sender.send(pattern(300_000, 5))).toBe('sent');
    // The program sees the end with the last descriptor of the pipe, which is the sender's now.
    await sender.close();
    const { output } = await ended;
    expect(output().equals(pattern(300_000, 5))).toBe(true);
    for (const end of [other.readEnd, other.writeEnd]) end.close();
  });

  test('never changes bytes that the program has not read yet', async () => {
    const pipe = openPipe();
    const sender = await attachSender({ pipe: pipe.writeEnd });
    // Nobody reads yet: the pipe holds both messages, and the second loan may get the same address.
    expect(await sender.send(pattern(5000, 1))).toBe('sent');
    expect(await sender.send(pattern(5000, 2))).toBe('sent');
    (await sender.loan(5000)).bytes.fill(255);
    const { ended } = startReader(pipe.readEnd.fd, 'cat');
    pipe.readEnd.close();
    await sender.close();
    pipe.writeEnd.close();
    const { output } = await ended;
    expect(output().equals(Buffer.concat([pattern(5000, 1), pattern(5000, 2)]))).toBe(true);
  });

  test('tells when the program has gone, and keeps the loan', async () => {
    const pipe = openPipe();
    const { ended } = startReader(pipe.readEnd.fd, 'true');
    pipe.readEnd.close();
    await ended;
    await using sender = await attachSender({ pipe: pipe.writeEnd });
    const loan = await sender.loan(10);
    expect(await loan.send()).toBe('no-receiver');
    expect(loan.owned).toBe(true);
    expect(sender.receivers).toEqual([]);
    pipe.writeEnd.close();
  });

  test('ends a wait for the program when it dies', async () => {
    const pipe = openPipe();
    const { child, ended } = startReader(pipe.readEnd.fd, 'sleep', '1000');
    pipe.readEnd.close();
    const sender = await attachSender({ pipe: pipe.writeEnd });
    const loan = await sender.loan(3_000_000);
    expect(loan.trySend()).toBe('sent');
    const flushed = sender.flush();
    child.kill('SIGKILL');
    await ended;
    await flushed;
    expect(await sender.send(Buffer.from('more'))).toBe('no-receiver');
    await sender.close();
    pipe.writeEnd.close();
  });

  test('does not take a look that fails for a program that has gone', async () => {
    let fails = false;
    const failing = {
      ...calls,
      poll: (...words: Parameters<LinuxCalls['poll']>) => (fails ? -ENOMEM : calls.poll(...words)),
    };
    const pipe = openPipe();
    const sender = await createAttachments(() => failing).attachSender({ pipe: pipe.writeEnd });
    const loan = await sender.loan(10);
    fails = true;
    await expect(loan.send()).rejects.toMatchObject({ syscall: 'poll', errnoName: 'ENOMEM' });
    fails = false;
    expect(loan.owned).toBe(true);
    expect(await loan.send()).toBe('sent');
    await sender.destroy();
    pipe.readEnd.close();
    pipe.writeEnd.close();
  });

  test('can be aborted while the program does not read', async () => {
    const pipe = openPipe();
    const sender = await attachSender({ pipe: pipe.writeEnd });
    const controller = new AbortController();
    const sending = sender.send(pattern(3_000_000, 1), { signal: controller.signal });
    controller.abort();
    await expect(sending).rejects.toMatchObject({ code: 'ABORTED' });
    await sender.destroy();
    pipe.readEnd.close();
    pipe.writeEnd.close();
  });
});

describe('a receiver attached to the pipe of a foreign program', () => {
  const { attachReceiver, openPipe } = createAttachments(loadLinuxCalls);
  const source = join(folder, 'source');

  async function startWriter(writeEnd: number) {
    const file = await open(source, 'w');
    await file.writeFile(pattern(5_000_000, 3));
    await file.close();
    return spawn('cat', [source], { stdio: ['ignore', writeEnd, 'inherit'] });
  }

  test('receives every byte, then the end', async () => {
    const pipe = openPipe();
    await startWriter(pipe.writeEnd.fd);
    pipe.writeEnd.close();
    await using receiver = await attachReceiver({ pipe: pipe.readEnd });
    const chunks: Buffer[] = [];
    for await (using delivery of receiver) chunks.push(delivery.copy());
    expect(Buffer.concat(chunks).equals(pattern(5_000_000, 3))).toBe(true);
    expect(await receiver.receive()).toBeUndefined();
    pipe.readEnd.close();
  });

  test('splices every byte to a file, then the end', async () => {
    const pipe = openPipe();
    await startWriter(pipe.writeEnd.fd);
    pipe.writeEnd.close();
    await using receiver = await attachReceiver({ pipe: pipe.readEnd });
    const target = await open(join(folder, 'target'), 'w+');
    while ((await receiver.spliceTo(target)) !== undefined);
    expect(readFileSync(join(folder, 'target')).equals(pattern(5_000_000, 3))).toBe(true);
    await target.close();
    pipe.readEnd.close();
  });

  test('splices references from pipe to pipe', async () => {
    const [first, second] = [openPipe(), openPipe()];
    await startWriter(first.writeEnd.fd);
    first.writeEnd.close();
    const { ended } = startReader(second.readEnd.fd, 'cat');
    second.readEnd.close();
    await using receiver = await attachReceiver({ pipe: first.readEnd });
    for (;;) {
      const result = await receiver.spliceTo(second.writeEnd);
      if (result === undefined) break;
      expect(result).toMatchObject({ method: 'splice', userSpaceCopies: 0 });
    }
    second.writeEnd.close();
    const { output } = await ended;
    expect(output().equals(pattern(5_000_000, 3))).toBe(true);
    first.readEnd.close();
  });

  test('does not read where a look fails: the pipe may block', async () => {
    let fails = true;
    const calls = callsWith({});
    const { poll, read } = calls;
    calls.poll = (...words) => (fails ? -ENOMEM : poll(...words));
    calls.read = (...words) => (fails ? -EPERM : read(...words));
    const pipe = openPipe();
    await using receiver = await createAttachments(() => calls).attachReceiver({
      pipe: pipe.readEnd,
      poolBytes: 1,
    });
    expect(() => receiver.tryReceive()).toThrow(expect.objectContaining({ syscall: 'poll' }));
    fails = false;
    expect(receiver.tryReceive()).toBeUndefined();
    expect(calls.write(pipe.writeEnd.fd, Buffer.from('after all'), 0, 9)).toBe(9);
    using delivery = receiver.tryReceive();
    expect(delivery?.copy().toString()).toBe('after all');
    pipe.readEnd.close();
    pipe.writeEnd.close();
  });

  test('says how much of it has moved on when a destination fails', async () => {
    const [source, destination] = [openPipe(), openPipe()];
    destination.readEnd.close();
    await using full = await open('/dev/full', 'w');
    await using receiver = await attachReceiver({ pipe: source.readEnd });
    for (const [target, errnoName] of [
      [destination.writeEnd, 'EPIPE'],
      [full, 'ENOSPC'],
    ] as const) {
      loadLinuxCalls().write(source.writeEnd.fd, Buffer.alloc(100), 0, 100);
      await expect(receiver.spliceTo(target)).rejects.toMatchObject({
        code: 'SYSTEM_CALL_FAILED',
        errnoName,
        bytesTransferred: 0,
      });
    }
    for (const end of [source.readEnd, source.writeEnd, destination.writeEnd]) end.close();
  });

  test('goes on when the program closes its own end, whoever gets the number then', async () => {
    const calls = loadLinuxCalls();
    const pipe = openPipe();
    await using receiver = await attachReceiver({ pipe: pipe.readEnd });
    const waiting = receiver.receive();
    pipe.readEnd.close();
    const other = openPipe();
    calls.write(other.writeEnd.fd, Buffer.from('another'), 0, 7);
    calls.write(pipe.writeEnd.fd, Buffer.from('right'), 0, 5);
    using delivery = await waiting;
    expect(delivery?.copy().toString()).toBe('right');
    pipe.writeEnd.close();
    expect(await receiver.receive()).toBeUndefined();
    for (const end of [other.readEnd, other.writeEnd]) end.close();
  });

  test('close ends a receive and a spliceTo that wait', async () => {
    for (const wait of ['receive', 'spliceTo'] as const) {
      const pipe = openPipe();
      const receiver = await attachReceiver({ pipe: pipe.readEnd });
      await using nothing = await open('/dev/null', 'w');
      const waiting = wait === 'receive' ? receiver.receive() : receiver.spliceTo(nothing);
      await receiver.close();
      await expect(waiting).rejects.toMatchObject({ code: 'CLOSED' });
      pipe.readEnd.close();
      pipe.writeEnd.close();
    }
  });

  test('refuses a descriptor that is no pipe', async () => {
    await using file = await open('/dev/null');
    await expect(attachReceiver({ pipe: file })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    await expect(attachReceiver({ pipe: -1 })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(attachReceiver({ pipe: 99_999 })).rejects.toMatchObject({ errnoName: 'EBADF' });
  });
});

describe('what is attached to', () => {
  const { attachSender, attachReceiver, openPipe } = createAttachments(loadLinuxCalls);

  const refused = (message: RegExp): unknown =>
    expect.objectContaining({
      code: 'INVALID_ARGUMENT',
      argument: 'pipe',
      message: expect.stringMatching(message),
    });

  test('is no stdio stream of Node: the error says what to pass (11.21)', async () => {
    const child = spawn('cat', { stdio: ['pipe', 'pipe', 'inherit'] });
    const ended = once(child, 'exit');
    const sockets = [child.stdin, child.stdout].map(
      (stream) => (stream as unknown as { readonly _handle: { readonly fd: number } })._handle.fd,
    );
    // @ts-expect-error: a stream has no descriptor.
    const sending = attachSender({ pipe: child.stdin });
    await expect(sending).rejects.toThrow(refused(/openPipe\(\).*readEnd in stdio.*writeEnd here/));
    // @ts-expect-error: a stream has no descriptor.
    const receiving = attachReceiver({ pipe: child.stdout });
    await expect(receiving).rejects.toThrow(
      refused(/openPipe\(\).*writeEnd in stdio.*readEnd here/),
    );
    // And as numbers, wherever somebody has got them from.
    const [input, output] = sockets as [number, number];
    await expect(attachSender({ pipe: input })).rejects.toThrow(refused(/no socket.*openPipe/));
    await expect(attachReceiver({ pipe: output })).rejects.toThrow(refused(/no socket.*openPipe/));
    child.stdin.end();
    expect(await ended).toEqual([0, null]);
  });

  test('is one end, and the right one (11.21)', async () => {
    const pipe = openPipe();
    const { readEnd, writeEnd } = pipe;
    // @ts-expect-error: a pipe has two ends.
    await expect(attachSender({ pipe })).rejects.toThrow(
      refused(/one end of the pipe \(writeEnd\)/),
    );
    // @ts-expect-error: a pipe has two ends.
    await expect(attachReceiver({ pipe })).rejects.toThrow(
      refused(/one end of the pipe \(readEnd\)/),
    );
    const toRead = attachSender({ pipe: readEnd });
    await expect(toRead).rejects.toThrow(refused(/that can be written to \(writeEnd\)/));
    const toWrite = attachReceiver({ pipe: writeEnd });
    await expect(toWrite).rejects.toThrow(refused(/that can be read from \(readEnd\)/));
    readEnd.close();
    writeEnd.close();
  });
});
