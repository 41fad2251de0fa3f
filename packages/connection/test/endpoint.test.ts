import { existsSync, mkdirSync, statSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Endpoint } from '@pageferry/connection';
import { UnixSocket } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { Child, expectNothingLeft, temporaryFolder, withCode } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';

const calls = loadLinuxCalls();
const folder = temporaryFolder();

/** Leaves a socket file behind that nobody listens at. */
function leaveStale(path: string): void {
  using socket = UnixSocket.create(calls);
  expect(calls.bindUnix(socket.fd, path)).toBe(0);
}

describe('an endpoint', () => {
  expectNothingLeft();

  test.each([0o000, 0o022, 0o777])(
    'is for its owner alone, whatever the umask (%o)',
    async (mask) => {
      const before = process.umask(mask);
      try {
        using endpoint = await Endpoint.bind(calls, folder.fresh());
        expect(statSync(endpoint.path).mode & 0o777).toBe(0o600 & ~mask);
      } finally {
        process.umask(before);
      }
    },
  );

  test('takes connections from the moment it stands', async () => {
    using endpoint = await Endpoint.bind(calls, folder.fresh());
    using client = UnixSocket.create(calls);
    expect(calls.connectUnix(client.fd, endpoint.path)).toBe(0);
    using accepted = endpoint.socket.accept();
    expect(accepted?.peerCredentials()?.pid).toBe(process.pid);
  });

  test('removes its file when it is closed, and may be closed again', async () => {
    const endpoint = await Endpoint.bind(calls, folder.fresh());
    endpoint.close();
    expect(existsSync(endpoint.path)).toBe(false);
    writeFileSync(endpoint.path, 'of somebody else');
    endpoint.close();
    expect(existsSync(endpoint.path)).toBe(true);
  });

  test('leaves a file alone that somebody else has put in its place', async () => {
    const endpoint = await Endpoint.bind(calls, folder.fresh());
    unlinkSync(endpoint.path);
    using other = await Endpoint.bind(calls, endpoint.path);
    endpoint.close();
    expect(existsSync(other.path)).toBe(true);
  });

  test('is gone from the folder already when it closes: no error', async () => {
    const endpoint = await Endpoint.bind(calls, folder.fresh());
    unlinkSync(endpoint.path);
    endpoint.close();
  });

  test('replaces the file that a killed process left behind', async () => {
    const path = folder.fresh();
    leaveStale(path);
    using endpoint = await Endpoint.bind(calls, path);
    using client = UnixSocket.create(calls);
    expect(calls.connectUnix(client.fd, endpoint.path)).toBe(0);
  });

  test('does not replace one that is in use', async () => {
    using endpoint = await Endpoint.bind(calls, folder.fresh());
    await expect(Endpoint.bind(calls, endpoint.path)).rejects.toThrow(withCode('ENDPOINT_IN_USE'));
    expect(existsSync(endpoint.path)).toBe(true);
  });

  test('does not replace one in use whose backlog is full', async () => {
    using listener = UnixSocket.create(calls);
    const path = folder.fresh();
    calls.bindUnix(listener.fd, path);
    calls.listen(listener.fd, 0);
    const clients: UnixSocket[] = [];
    do clients.push(UnixSocket.create(calls));
    while (calls.connectUnix((clients.at(-1) as UnixSocket).fd, path) === 0);
    await expect(Endpoint.bind(calls, path)).rejects.toThrow(withCode('ENDPOINT_IN_USE'));
    for (const client of clients) client.close();
  });

  test('does not replace one of another type that is in use', async () => {
    const path = folder.fresh();
    const fd = calls.socket(1, 1, 0);
    calls.bindUnix(fd, path);
    calls.listen(fd, 1);
    await expect(Endpoint.bind(calls, path)).rejects.toThrow(withCode('ENDPOINT_IN_USE'));
    expect(existsSync(path)).toBe(true);
    calls.close(fd);
  });
});

describe('an endpoint cannot be', () => {
  expectNothingLeft();

  test.each([
    ['a path of more than 107 bytes', 'x'.repeat(108), 'ENDPOINT_TOO_LONG'],
    ['a path of fewer characters, but more than 107 bytes', 'é'.repeat(54), 'ENDPOINT_TOO_LONG'],
    ['a path in a folder that is missing', join(folder.path, 'no', 'where'), 'ENDPOINT_INVALID'],
    ['an empty path', '', 'ENDPOINT_INVALID'],
    ['a path with a NUL byte', `${folder.path}/a\0b`, 'ENDPOINT_INVALID'],
  ] as const)('%s', async (_, path, code) => {
    await expect(Endpoint.bind(calls, path)).rejects.toThrow(withCode(code));
  });

  test('where a file or a folder is in the way, which stays as it is', async () => {
    const file = folder.fresh('file');
    writeFileSync(file, 'precious');
    const subfolder = folder.fresh('folder');
    mkdirSync(subfolder);
    for (const path of [file, subfolder]) {
      await expect(Endpoint.bind(calls, path)).rejects.toThrow(withCode('ENDPOINT_INVALID'));
      expect(existsSync(path)).toBe(true);
    }
    await expect(Endpoint.bind(calls, join(file, 'below'))).rejects.toThrow(
      withCode('ENDPOINT_INVALID'),
    );
  });

  test('a link to nothing: it is somebody else’s, and it stays', async () => {
    const path = folder.fresh('link');
    symlinkSync(join(folder.path, 'nothing'), path);
    await expect(Endpoint.bind(calls, path)).rejects.toThrow(withCode('ENDPOINT_INVALID'));
  });
});

describe('at the end of its process, an endpoint', () => {
  test('removes its file when nobody closed it', async () => {
    await using child = new Child(new URL('./peers/binder.mjs', import.meta.url));
    const path = folder.fresh();
    await child.message();
    child.send(`bind ${path}`);
    expect(await child.message()).toBe('bound');
    expect(existsSync(path)).toBe(true);
    child.send('exit');
    expect(await child.exit).toBe(0);
    expect(existsSync(path)).toBe(false);
  });

  test('leaves the file of its successor', async () => {
    await using child = new Child(new URL('./peers/binder.mjs', import.meta.url));
    const path = folder.fresh();
    await child.message();
    child.send(`bind ${path}`);
    expect(await child.message()).toBe('bound');
    unlinkSync(path);
    using _successor = await Endpoint.bind(calls, path);
    child.send('exit');
    await child.exit;
    expect(existsSync(path)).toBe(true);
  });

  test('leaves a stale file when it is killed, which the next one replaces', async () => {
    await using child = new Child(new URL('./peers/binder.mjs', import.meta.url));
    const path = folder.fresh();
    await child.message();
    child.send(`bind ${path}`);
    expect(await child.message()).toBe('bound');
    await child.end('SIGKILL');
    expect(existsSync(path)).toBe(true);
    using _successor = await Endpoint.bind(calls, path);
  });
});
