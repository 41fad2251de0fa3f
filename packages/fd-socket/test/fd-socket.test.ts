import { once } from 'node:events';
import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import net from 'node:net';
import { pipeline } from 'node:stream/promises';
import tty from 'node:tty';
import { adopt, openPair, type ReceivedMessage } from '@pageferry/fd-socket';
import { EMFILE, ETOOMANYREFS, MESSAGE_FIELD, MSG_CTRUNC, O_CLOEXEC } from '@pageferry/linux';
import { loadLinuxCalls as loadFfi } from '@pageferry/linux-ffi';
import { withCode } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { expectNoDescriptorLeft } from './support/cleanup.js';
import { calls, identityOf, openPipe, writersGone } from './support/pipes.js';
import { next, openBoth } from './support/sockets.js';

expectNoDescriptorLeft();

describe.each(['napi', 'ffi'] as const)('a socket that carries descriptors, %s', (binding) => {
  describe.each(['stream', 'seqpacket'] as const)('%s', (type) => {
    test('bytes and descriptors arrive together, the descriptors close-on-exec and the receiver’s own', async () => {
      const [left, right] = await openBoth({ binding, type });
      const { readEnd, writeEnd } = openPipe();
      left.write({ data: 'both', fds: [readEnd, writeEnd.fd] });
      const message = await next(right);
      expect(message.data.toString()).toBe('both');
      const expected = [readEnd, writeEnd].map(({ fd }) => identityOf(fd));
      expect(message.fds.map(({ fd }) => identityOf(fd))).toEqual(expected);
      const fds = message.takeFds();
      expect(message.fds).toEqual([]);
      expect(message.takeFds()).toEqual([]);
      for (const { fd } of fds) {
        const [, flags = ''] =
          /flags:\s+(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1')) ?? [];
        expect(Number.parseInt(flags, 8) & O_CLOEXEC).toBe(O_CLOEXEC);
      }
      for (const each of fds) each.close();
      expect(calls.getStatusFlags(readEnd.fd)).toBeGreaterThanOrEqual(0);
    });

    test('what was written may be closed at once', async () => {
      const [left, right] = await openBoth({ binding, type });
      const { readEnd, writeEnd } = openPipe();
      left.cork();
      left.write({ data: 'x', fds: [writeEnd] });
      writeEnd.close();
      left.uncork();
      const [received] = (await next(right)).takeFds();
      writeSync(received?.fd as number, 'through');
      received?.close();
      expect(readText(readEnd.fd)).toBe('through');
      expect(await writersGone(readEnd)).toBe(true);
    });

    test('253 descriptors go with a message, and one more is refused', async () => {
      const [left, right] = await openBoth({ binding, type });
      const { readEnd } = openPipe();
      const most = new Array(253).fill(readEnd);
      expect(() => left.write({ data: 'x', fds: [...most, readEnd] })).toThrow(
        withCode('INVALID_ARGUMENT') as Error,
      );
      left.write({ data: 'x', fds: most });
      expect((await next(right)).fds).toHaveLength(253);
    });

    test('each write keeps its own descriptors, in order, also when much waits', async () => {
      const [left, right] = await openBoth({ binding, type });
      const pipes = Array.from({ length: 20 }, openPipe);
      const bytes = Buffer.alloc(60_000, 'x');
      for (const [index, { readEnd }] of pipes.entries()) {
        bytes[0] = index;
        left.write({ data: Buffer.from(bytes), fds: [readEnd] });
      }
      left.end();
      const order: string[] = [];
      let byteLength = 0;
      for await (const message of right) {
        byteLength += message.data.length;
        // In a stream the piece with the descriptor begins where its write does, or before.
        for (const fd of message.takeFds()) {
          order.push(identityOf(fd.fd));
          fd.close();
        }
      }
      expect(byteLength).toBe(20 * 60_000);
      expect(order).toEqual(pipes.map(({ readEnd }) => identityOf(readEnd.fd)));
    });

    test('who does not read stops who writes, and the descriptors that wait are closed with the socket', async () => {
      const [left, right] = await openBoth({ binding, type });
      const { readEnd, writeEnd } = openPipe();
      const data = Buffer.alloc(32_768);
      let accepted = 0;
      while (left.write({ data, fds: [writeEnd] })) accepted++;
      expect(accepted).toBeLessThan(64);
      for (let more = 0; more < 20; more++) left.write({ data, fds: [writeEnd] });
      expect(left.writableLength).toBeGreaterThan(left.writableHighWaterMark);
      const drained = once(left, 'drain');
      right.resume();
      await drained;
      right.pause();
      for (let more = 0; more < 20; more++) left.write({ data, fds: [writeEnd] });
      left.destroy();
      right.destroy();
      writeEnd.close();
      expect(await writersGone(readEnd)).toBe(true);
    });

    test('a program that forgets: what nobody takes is closed while the connection lives', async () => {
      const [left, right] = await openBoth({ binding, type });
      const { readEnd, writeEnd } = openPipe();
      const forgotten: ReceivedMessage[] = [];
      right.on('data', (message) => forgotten.push(message));
      left.write({ data: 'first', fds: [writeEnd] });
      writeEnd.close();
      while (forgotten.length < 1) await once(right, 'data');
      expect(forgotten[0]?.fds).toHaveLength(1);
      for (const data of ['second', 'third']) {
        left.write(data);
        await once(right, 'data');
      }
      expect(await writersGone(readEnd)).toBe(true);
      expect(() => forgotten[0]?.takeFds()).toThrow(withCode('CLOSED') as Error);
      expect(right.destroyed).toBe(false);
    });

    test('what was never read is closed with the socket', async () => {
      const [left, right] = await openBoth({ binding, type });
      const { readEnd, writeEnd } = openPipe();
      right.read(0);
      left.write({ data: 'x', fds: [writeEnd] });
      writeEnd.close();
      await once(right, 'readable');
      right.destroy();
      expect(await writersGone(readEnd)).toBe(true);
    });

    test('the loop of for await may take them after it has waited', async () => {
      const [left, right] = await openBoth({ binding, type });
      const pipes = Array.from({ length: 40 }, openPipe);
      for (const { readEnd } of pipes) left.write({ data: 'x', fds: [readEnd] });
      left.end();
      let taken = 0;
      for await (const message of right) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        for (const fd of message.takeFds()) {
          fd.close();
          taken++;
        }
      }
      expect(taken).toBe(40);
    });

    test('pipeline passes descriptors on, from one socket to the next', async () => {
      const [a, b] = await openBoth({ binding, type });
      const [c, d] = await openBoth({ binding, type });
      const { readEnd, writeEnd } = openPipe();
      const piped = pipeline(b, c);
      a.write({ data: 'on', fds: [writeEnd] });
      writeEnd.close();
      a.end();
      const [received] = (await next(d)).takeFds();
      writeSync(received?.fd as number, 'far');
      received?.close();
      expect(readText(readEnd.fd)).toBe('far');
      d.resume();
      d.end();
      await piped.catch(() => undefined);
      a.destroy();
      b.destroy();
      expect(await writersGone(readEnd)).toBe(true);
    });

    test('the end, and half of a connection', async () => {
      const [left, right] = await openBoth({ binding, type, allowHalfOpen: true });
      right.on('data', (message) => right.end(`answer to ${message.data}`));
      left.end('question');
      const answered = await left.toArray();
      expect(answered.map(({ data }) => data.toString())).toEqual(['answer to question']);
    });

    test('who writes to somebody who is gone is told: EPIPE', async () => {
      const [left, right] = await openBoth({ binding, type });
      right.destroy();
      await once(right, 'close');
      left.write('x');
      const [error] = await once(left, 'error');
      expect(error).toMatchObject({ code: 'SYSTEM_CALL_FAILED', errnoName: 'EPIPE' });
    });

    test('who is there is known, and who has sent a message', async () => {
      const [left, right] = await openBoth({ binding, type, passCredentials: true });
      const me = { pid: process.pid, uid: process.getuid?.(), gid: process.getgid?.() };
      expect(left.peer).toEqual(me);
      left.write('x');
      expect((await next(right)).credentials).toEqual(me);
    });

    test.each([['error' as const], ['tell' as const]])(
      'without descriptors left, the kernel throws some away, which is told: %s',
      async (whenFdsLost) => {
        const real = binding === 'napi' ? calls : loadFfi();
        const { readEnd, writeEnd } = openPipe();
        let full = false;
        // As recvmsg(2) answers at RLIMIT_NOFILE; `rlimit.test.ts` has the kernel itself do it.
        const scarce = {
          ...real,
          recvmsg: (...args: Parameters<typeof real.recvmsg>) => {
            const result = real.recvmsg(...args);
            if (result > 0 && full) args[5][MESSAGE_FIELD.flags] = MSG_CTRUNC;
            return result;
          },
          duplicate: (fd: number, minimum: number) =>
            full ? -EMFILE : real.duplicate(fd, minimum),
        };
        const { socket, other } = await openPair({ binding: real, type });
        const right = await adopt(other, { binding: scarce, whenFdsLost });
        socket.write({ data: 'x', fds: [writeEnd, writeEnd] });
        writeEnd.close();
        full = true;
        if (whenFdsLost === 'tell') {
          const message = await next(right);
          expect(message.fdsLost).toBe(true);
          message.close();
          right.destroy();
        } else {
          right.resume();
          const [error] = await once(right, 'error');
          expect(error).toMatchObject({ code: 'SYSTEM_CALL_FAILED', errnoName: 'EMFILE' });
        }
        full = false;
        socket.destroy();
        expect(await writersGone(readEnd)).toBe(true);
      },
    );

    test('a write waits where too many descriptors are under way, and goes on', async () => {
      const real = binding === 'napi' ? calls : loadFfi();
      let refusals = 3;
      const scarce = {
        ...real,
        sendmsg: (...args: Parameters<typeof real.sendmsg>) =>
          refusals-- > 0 ? -ETOOMANYREFS : real.sendmsg(...args),
      };
      const { socket, other } = await openPair({ binding: scarce, type });
      const right = await adopt(other, { binding: real });
      const { readEnd } = openPipe();
      socket.write({ data: 'x', fds: [readEnd] });
      const message = await next(right);
      expect(message.fds).toHaveLength(1);
      expect(refusals).toBeLessThan(0);
      message.close();
      socket.destroy();
      right.destroy();
    });

    test('a descriptor that is none, or cannot be duplicated, is refused, and the socket goes on', async () => {
      const [left, right] = await openBoth({ binding, type });
      expect(() => left.write({ data: 'x', fds: [1_000_000] })).toThrow(
        expect.objectContaining({ errnoName: 'EBADF' }) as Error,
      );
      for (const fds of [[-1], [0.5], ['1'], [{}], 5, [null], new Array(1)]) {
        expect(() => left.write({ data: 'x', fds: fds as number[] })).toThrow(
          withCode('INVALID_ARGUMENT') as Error,
        );
      }
      expect(() => left.write({ data: '', fds: [0] })).toThrow(
        withCode('INVALID_ARGUMENT') as Error,
      );
      expect(() => left.write(5 as unknown as string)).toThrow(
        withCode('INVALID_ARGUMENT') as Error,
      );
      const gone = new Uint8Array(10);
      structuredClone(gone, { transfer: [gone.buffer] });
      for (const written of [gone, { data: gone }]) {
        expect(() => left.write(written)).toThrow(withCode('BYTES_DETACHED') as Error);
      }
      left.write({ data: Object.setPrototypeOf(new Uint8Array(Buffer.from('fine')), null) });
      expect((await next(right)).data.toString()).toBe('fine');
    });
  });

  test.each([
    ['before its turn', 1000],
    ['while it leaves', 4 << 20],
  ])(
    'memory that is transferred %s ends the socket, and nothing goes on without it',
    async (_, byteLength) => {
      const [left, right] = await openBoth({ binding });
      const { readEnd, writeEnd } = openPipe();
      const bytes = new Uint8Array(byteLength);
      const written: unknown[] = [];
      if (byteLength === 1000) left.write(Buffer.alloc(4 << 20));
      left.write({ data: bytes, fds: [writeEnd] }, (error) => written.push(error));
      writeEnd.close();
      structuredClone(bytes, { transfer: [bytes.buffer] });
      left.end('what follows');
      const failed = once(left, 'error');
      let arrived = '';
      for await (const message of right) arrived = message.data.toString('latin1').slice(-12);
      expect((await failed)[0]).toEqual(withCode('BYTES_DETACHED'));
      expect(written).toEqual([withCode('BYTES_DETACHED')]);
      expect(arrived).not.toBe('what follows');
      expect(await writersGone(readEnd)).toBe(true);
    },
  );

  test('a message longer than there is room for is an error, and its descriptors are closed', async () => {
    const [left, right] = await openBoth({ binding, type: 'seqpacket', maxReadBytes: 4 });
    const { readEnd, writeEnd } = openPipe();
    left.write({ data: 'longer', fds: [writeEnd] });
    writeEnd.close();
    right.resume();
    const [error] = await once(right, 'error');
    expect(error).toMatchObject({ code: 'MESSAGE_TOO_LARGE' });
    expect(await writersGone(readEnd)).toBe(true);
  });

  test('seqpacket keeps each write one message, and has no empty ones', async () => {
    const [left, right] = await openBoth({ binding, type: 'seqpacket' });
    left.write('one');
    left.end('two');
    expect((await right.toArray()).map(({ data }) => data.toString())).toEqual(['one', 'two']);
    expect(() => left.write('')).toThrow(withCode('INVALID_ARGUMENT') as Error);
  });

  test('a received socket becomes a net.Socket, and a received file is read with fs', async () => {
    const [left, right] = await openBoth({ binding });
    const server = net.createServer((connection) => connection.end('from the server'));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { readEnd, writeEnd } = openPipe();
    const listening = calls.duplicate(
      (server as unknown as { _handle: { fd: number } })._handle.fd,
      0,
    );
    left.write({ data: 'x', fds: [readEnd, listening] });
    calls.close(listening);
    const [file, listener] = (await next(right)).takeFds();
    writeSync(writeEnd.fd, 'piped');
    expect(readText(file?.fd as number)).toBe('piped');
    file?.close();
    const { port } = server.address() as net.AddressInfo;
    server.close();
    // The descriptor that was passed still listens.
    const second = net.createServer((connection) => connection.end('from the heir'));
    await once(second.listen({ fd: listener?.release() as number }), 'listening');
    const client = net.connect(port, '127.0.0.1');
    const { socket, other } = await openPair({ binding });
    left.write({ data: 'y', fds: [other] });
    other.close();
    const [end] = (await next(right)).takeFds();
    const own = new net.Socket({ fd: end?.release() as number });
    own.write('as Node’s own');
    expect((await next(socket)).data.toString()).toBe('as Node’s own');
    own.destroy();
    socket.destroy();
    expect(Buffer.concat(await client.toArray()).toString()).toBe('from the heir');
    client.destroy();
    second.close();
    await once(second, 'close');
  });

  test('a received terminal is a TTY', async () => {
    const [left, right] = await openBoth({ binding });
    const master = openSync('/dev/ptmx', 'r+');
    left.write({ data: 'x', fds: [master] });
    closeSync(master);
    const [received] = (await next(right)).takeFds();
    expect(tty.isatty(received?.fd as number)).toBe(true);
    const stream = new tty.WriteStream(received?.release() as number);
    expect(stream.isTTY).toBe(true);
    stream.destroy();
    await once(stream, 'close');
  });

  test('what is no connected socket is not adopted', async () => {
    const { readEnd } = openPipe();
    await expect(adopt(readEnd, { binding })).rejects.toMatchObject({ errnoName: 'ENOTSOCK' });
    expect(readEnd.open).toBe(true);
    await expect(adopt('1' as unknown as number, { binding })).rejects.toEqual(
      withCode('INVALID_ARGUMENT'),
    );
    await expect(openPair({ binding, type: 'dgram' as 'stream' })).rejects.toEqual(
      withCode('INVALID_ARGUMENT'),
    );
  });
});

function readText(fd: number): string {
  const bytes = Buffer.alloc(64);
  return bytes.subarray(0, readSync(fd, bytes)).toString();
}
