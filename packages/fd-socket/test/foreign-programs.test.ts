import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { connect, type FdSocket, listen, openPair, type SocketAddress } from '@pageferry/fd-socket';
import { temporaryFolder } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { atEnd, expectNoDescriptorLeft } from './support/cleanup.js';
import { openPipe } from './support/pipes.js';
import { next } from './support/sockets.js';

const folder = temporaryFolder();
const program = (name: string): string =>
  fileURLToPath(new URL(`programs/${name}`, import.meta.url));

expectNoDescriptorLeft();

/** Starts a program, and ends it with the test. Its errors are the test's. */
function start(command: string, words: readonly string[]): ChildProcess {
  const child = spawn(command, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  atEnd(() => {
    child.kill('SIGKILL');
  });
  return child;
}

function readText(fd: number | undefined): string {
  const bytes = Buffer.alloc(64);
  return bytes.subarray(0, readSync(fd as number, bytes)).toString();
}

describe.each(['napi', 'ffi'] as const)('programs of others, %s', (binding) => {
  /** Listens, starts a program that connects, and hands over the connection. */
  async function accept(
    address: SocketAddress,
    type: 'stream' | 'seqpacket',
    command: () => ChildProcess,
  ): Promise<[FdSocket, ChildProcess]> {
    let accepted: (socket: FdSocket) => void = () => undefined;
    const connection = new Promise<FdSocket>((resolve) => {
      accepted = resolve;
    });
    const server = await listen(address, { binding, type }, (socket) => accepted(socket));
    const child = command();
    const socket = await connection;
    server.close();
    expect(socket.peer?.pid).toBe(child.pid);
    return [socket, child];
  }

  test.each([
    ['stream', 'path'],
    ['seqpacket', 'path'],
    ['stream', 'abstract'],
  ] as const)('recv_fds and send_fds of Python as a client: %s, %s', async (type, kind) => {
    const name = folder.fresh('python');
    const address = kind === 'path' ? name : { abstract: name };
    const [socket, child] = await accept(address, type, () =>
      start('/usr/bin/python3', [
        program('recv_fds.py'),
        kind === 'path' ? name : `@${name}`,
        type,
      ]),
    );
    const { readEnd, writeEnd } = openPipe();
    socket.write({ data: 'two ends', fds: [readEnd, writeEnd] });
    const message = await next(socket);
    expect(message.data.toString()).toBe('and back');
    expect(readText(readEnd.fd)).toBe('written by Python');
    const [received] = message.takeFds();
    expect(readText(received?.fd)).toBe('sent by Python');
    received?.close();
    socket.destroy();
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  test('Python as a server', async () => {
    const path = folder.fresh('server');
    const child = start('/usr/bin/python3', [program('server.py'), path]);
    await once(child.stdout as NodeJS.EventEmitter, 'data');
    const socket = await connect({ path }, { binding });
    const { readEnd, writeEnd } = openPipe();
    socket.write({ data: 'x', fds: [writeEnd] });
    const message = await next(socket);
    expect(message.fds).toHaveLength(2);
    writeSync(message.fds[1]?.fd as number, 'and back');
    expect(readText(readEnd.fd)).toBe('and back');
    message.close();
    socket.destroy();
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  test('a program in C', async () => {
    const binary = folder.fresh('pass');
    execFileSync('gcc', ['-Wall', '-Werror', '-o', binary, program('pass.c')]);
    const path = folder.fresh('c');
    const [socket, child] = await accept(path, 'stream', () => start(binary, [path]));
    const { readEnd, writeEnd } = openPipe();
    socket.write({ data: 'ping', fds: [writeEnd] });
    const texts: string[] = [];
    let bytes = '';
    while (texts.length < 2) {
      const message = await next(socket);
      bytes += message.data;
      for (const fd of message.takeFds()) {
        texts.push(readText(fd.fd));
        fd.close();
      }
    }
    expect([bytes, ...texts]).toEqual(['onetwo', 'first', 'second']);
    expect(readText(readEnd.fd)).toBe('written in C');
    socket.destroy();
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  test('socket activation: LISTEN_FDS', async () => {
    const path = folder.fresh('activated');
    const words = [
      program('activate.py'),
      path,
      process.execPath,
      program('activated.mjs'),
      binding,
    ];
    const child = start('/usr/bin/python3', words);
    const socket = await untilThere(path);
    const message = await next(socket);
    expect(JSON.parse(message.data.toString())).toEqual({
      names: ['requests', 'unknown'],
      again: [],
      variables: [],
      closeOnExec: true,
    });
    expect(readText(message.fds[0]?.fd)).toBe('piped');
    message.close();
    socket.destroy();
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  test.each(['error', 'tell'])('RLIMIT_NOFILE in the receiver: %s', async (whenFdsLost) => {
    const { socket, other } = await openPair({ binding });
    const child = spawn(process.execPath, [program('rlimit.mjs'), binding, whenFdsLost], {
      stdio: ['pipe', 'pipe', 'inherit', other.fd],
    });
    atEnd(() => {
      child.kill('SIGKILL');
    });
    other.close();
    if (child.stdout === null) throw new Error('it has no output');
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    expect(await lines.next()).toEqual({ value: 'loaded', done: false });
    // Only now: Node opens many files at once while it loads modules.
    execFileSync('prlimit', ['--pid', `${child.pid}`, '--nofile=64:64']);
    const { readEnd } = openPipe();
    socket.write({ data: 'x', fds: new Array(10).fill(readEnd) });
    child.stdin?.end();
    const { value: text } = await lines.next();
    const told =
      whenFdsLost === 'error'
        ? { code: 'SYSTEM_CALL_FAILED', errnoName: 'EMFILE' }
        : { fdsLost: true, count: 2, data: 'x' };
    expect(JSON.parse(text)).toEqual({ ...told, left: false });
    socket.destroy();
  });

  async function untilThere(path: string): Promise<FdSocket> {
    for (;;) {
      try {
        return await connect(path, { binding });
      } catch (error) {
        const { errnoName = '' } = error as { errnoName?: string };
        if (!['ENOENT', 'ECONNREFUSED'].includes(errnoName)) throw error;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  }
});
