import { closeSync, openSync, readdirSync, statSync } from 'node:fs';
import { Endpoint } from '@pageferry/connection';
import { LOCK_EX, LOCK_NB, UnixSocket } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { Child, temporaryFolder } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';

const calls = loadLinuxCalls();
const folder = temporaryFolder();
const ROUNDS = 100;

describe('processes that race for one endpoint', () => {
  test('one wins and keeps it, the others learn that it is in use', async () => {
    await using first = new Child(new URL('./peers/binder.mjs', import.meta.url));
    await using second = new Child(new URL('./peers/binder.mjs', import.meta.url));
    await using third = new Child(new URL('./peers/binder.mjs', import.meta.url));
    const children = [first, second, third];
    for (const child of children) expect(await child.message()).toBe('ready');
    for (let round = 0; round < ROUNDS; round++) {
      const path = folder.fresh();
      using stale = UnixSocket.create(calls);
      expect(calls.bindUnix(stale.fd, path)).toBe(0);
      for (const child of children) child.send(`bind ${path}`);
      const outcomes = await Promise.all(children.map((child) => child.message()));
      expect(outcomes.toSorted()).toEqual(['ENDPOINT_IN_USE', 'ENDPOINT_IN_USE', 'bound']);
      using client = UnixSocket.create(calls);
      expect(calls.connectUnix(client.fd, path)).toBe(0);
      for (const child of children) child.send('close');
      for (const child of children) expect(await child.message()).toBe('closed');
    }
  }, 60_000);

  test('a folder that somebody keeps locked does not hold a fresh endpoint up (11.29)', async () => {
    const lock = openSync(folder.path, 'r');
    expect(calls.flock(lock, LOCK_EX)).toBe(0);
    let attempts = 0;
    const flock: typeof calls.flock = (...words) => {
      attempts++;
      return calls.flock(...words);
    };
    using endpoint = await Endpoint.bind({ ...calls, flock }, folder.fresh());
    expect(attempts).toBe(1);
    expect(statSync(endpoint.path).mode & 0o777).toBe(0o600);
    using client = UnixSocket.create(calls);
    expect(calls.connectUnix(client.fd, endpoint.path)).toBe(0);
    // Nothing but the endpoint is left in the folder.
    const [name] = endpoint.path.split('/').slice(-1);
    expect(readdirSync(folder.path).filter((file) => file.startsWith(`${name}.`))).toEqual([]);
    await expect(Endpoint.bind(calls, endpoint.path)).rejects.toThrow(
      expect.objectContaining({ code: 'ENDPOINT_IN_USE' }),
    );
    closeSync(lock);
  });

  test('nor one that replaces a stale file, or whose path is as long as can be, for ever', async () => {
    const lock = openSync(folder.path, 'r');
    expect(calls.flock(lock, LOCK_EX)).toBe(0);
    const stale = folder.fresh();
    using left = UnixSocket.create(calls);
    expect(calls.bindUnix(left.fd, stale)).toBe(0);
    const long = folder.fresh().padEnd(107, 'x');
    for (const path of [stale, long]) {
      using endpoint = await Endpoint.bind(calls, path);
      using client = UnixSocket.create(calls);
      expect(calls.connectUnix(client.fd, endpoint.path)).toBe(0);
    }
    closeSync(lock);
  });

  test('those that race in a folder that somebody keeps locked end the same way (11.29)', async () => {
    const lock = openSync(folder.path, 'r');
    expect(calls.flock(lock, LOCK_EX)).toBe(0);
    await using first = new Child(new URL('./peers/binder.mjs', import.meta.url));
    await using second = new Child(new URL('./peers/binder.mjs', import.meta.url));
    const children = [first, second];
    for (const child of children) expect(await child.message()).toBe('ready');
    for (let round = 0; round < 20; round++) {
      const path = folder.fresh();
      for (const child of children) child.send(`bind ${path}`);
      const outcomes = await Promise.all(children.map((child) => child.message()));
      expect(outcomes.toSorted()).toEqual(['ENDPOINT_IN_USE', 'bound']);
      for (const child of children) child.send('close');
      for (const child of children) expect(await child.message()).toBe('closed');
    }
    closeSync(lock);
  });

  test('the folder is not left locked', async () => {
    using _first = await Endpoint.bind(calls, folder.fresh());
    const lock = openSync(folder.path, 'r');
    expect(calls.flock(lock, LOCK_EX | LOCK_NB)).toBe(0);
    closeSync(lock);
  });
});
