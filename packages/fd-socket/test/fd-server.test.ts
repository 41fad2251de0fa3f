import { once } from 'node:events';
import { existsSync, lstatSync, writeFileSync } from 'node:fs';
import { connect, type FdSocket, listen } from '@pageferry/fd-socket';
import { EMFILE } from '@pageferry/linux';
import { temporaryFolder, withCode } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { atEnd, expectNoDescriptorLeft } from './support/cleanup.js';
import { calls, openPipe } from './support/pipes.js';
import { next } from './support/sockets.js';

const folder = temporaryFolder();
const ignore = (socket: FdSocket): void => {
  socket.resume().end();
};

expectNoDescriptorLeft();

describe.each(['napi', 'ffi'] as const)('a server, %s', (binding) => {
  test('its file is the owner’s alone from the beginning, and gone with it', async () => {
    const path = folder.fresh();
    const server = await listen(path, { binding }, ignore);
    expect(Number(lstatSync(path, { bigint: true }).mode) & 0o777).toBe(0o600);
    expect(server.address).toEqual({ path });
    expect(server.listening).toBe(true);
    const closed = once(server, 'close');
    server.close();
    server.close();
    await closed;
    expect(existsSync(path)).toBe(false);
    expect(server.listening).toBe(false);
  });

  test('the mode is what was asked for', async () => {
    const path = folder.fresh();
    const server = await listen(path, { binding, mode: 0o640 }, ignore);
    expect(Number(lstatSync(path, { bigint: true }).mode) & 0o777).toBe(0o640);
    server.close();
  });

  test('a path that is taken stays as it is', async () => {
    const path = folder.fresh();
    writeFileSync(path, 'a file');
    await expect(listen(path, { binding }, ignore)).rejects.toMatchObject({
      code: 'SYSTEM_CALL_FAILED',
      errnoName: 'EADDRINUSE',
    });
    expect(existsSync(path)).toBe(true);
  });

  test('an abstract name leaves no file, and is gone with its server', async () => {
    const abstract = folder.fresh();
    const server = await listen({ abstract }, { binding }, ignore);
    expect(existsSync(abstract)).toBe(false);
    const client = await connect({ abstract }, { binding });
    client.destroy();
    server.close();
    await expect(connect({ abstract }, { binding })).rejects.toMatchObject({
      errnoName: 'ECONNREFUSED',
    });
  });

  test('a hundred clients at once, each with its own descriptors', async () => {
    const path = folder.fresh();
    const { readEnd } = openPipe();
    const server = await listen(path, { binding, backlog: 4 }, (socket) => {
      socket.on('data', (message) => socket.write(message));
      socket.on('end', () => socket.destroy());
    });
    const answers = await Promise.all(
      Array.from({ length: 100 }, async (_, number) => {
        const client = await connect(path, { binding });
        client.write({ data: `${number}`, fds: [readEnd] });
        const message = await next(client);
        expect(message.fds).toHaveLength(1);
        const text = message.data.toString();
        message.close();
        client.destroy();
        return text;
      }),
    );
    expect(answers).toEqual(Array.from({ length: 100 }, (_, number) => `${number}`));
    server.close();
  });

  test('without descriptors it says so, and the connection waits', async () => {
    const path = folder.fresh();
    let refusals = 2;
    const scarce = {
      ...calls,
      accept4: (fd: number, flags: number) => (refusals-- > 0 ? -EMFILE : calls.accept4(fd, flags)),
    };
    let shortages = 0;
    const server = await listen(path, { binding: scarce }, (socket) =>
      socket.resume().end('at last'),
    );
    server.on('shortage', (error) => {
      expect(error).toMatchObject({ code: 'SYSTEM_CALL_FAILED', errnoName: 'EMFILE' });
      shortages++;
    });
    const client = await connect(path, { binding });
    expect((await next(client)).data.toString()).toBe('at last');
    expect(shortages).toBe(2);
    client.destroy();
    server.close();
  });

  test('who waits for a server whose queue is full can give up', async () => {
    const path = folder.fresh();
    const fd = calls.socket(1, 1 | 0o4000, 0);
    atEnd(() => {
      calls.close(fd);
    });
    expect(calls.bindUnix(fd, path)).toBe(0);
    expect(calls.listen(fd, 0)).toBe(0);
    const first = await connect(path, { binding });
    const controller = new AbortController();
    const second = connect(path, { binding, signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(second).rejects.toThrow('enough');
    first.destroy();
  });

  test('what cannot be is told', async () => {
    const path = folder.fresh();
    const refused = withCode('INVALID_ARGUMENT');
    await expect(connect(5 as unknown as string, { binding })).rejects.toEqual(refused);
    await expect(connect({ path, abstract: path }, { binding })).rejects.toEqual(refused);
    await expect(connect(path, { bindin: 'ffi' } as object)).rejects.toEqual(refused);
    await expect(connect(path, { binding: 'c' as 'ffi' })).rejects.toEqual(refused);
    await expect(connect(path, { binding, signal: 5 as never })).rejects.toEqual(refused);
    await expect(connect('', { binding })).rejects.toMatchObject({ errnoName: 'EINVAL' });
    await expect(connect('x'.repeat(108), { binding })).rejects.toMatchObject({
      errnoName: 'ENAMETOOLONG',
    });
    await expect(connect(path, { binding })).rejects.toMatchObject({ errnoName: 'ENOENT' });
    await expect(listen(path, { binding }, undefined as never)).rejects.toEqual(refused);
    await expect(listen(path, { binding, mode: -1 }, ignore)).rejects.toEqual(refused);
    await expect(
      listen(path, { binding, whenFdsLost: 'ignore' as 'tell' }, ignore),
    ).rejects.toEqual(refused);
    await expect(listen({ fd: 1_000_000 }, { binding }, ignore)).rejects.toMatchObject({
      errnoName: 'EBADF',
    });
    const server = await listen(path, { binding, type: 'seqpacket' }, ignore);
    await expect(connect(path, { binding })).rejects.toMatchObject({ errnoName: 'EPROTOTYPE' });
    server.close();
  });
});
