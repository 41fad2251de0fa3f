import { closeSync, openSync } from 'node:fs';
import { Endpoint } from '@pageferry/connection';
import { LOCK_EX, LOCK_NB, UnixSocket } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { describe, expect, test } from 'vitest';
import { Child } from './support/child.js';
import { temporaryFolder } from './support/folder.js';

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

  test('a folder that somebody keeps locked does not hold an endpoint up for ever', async () => {
    const lock = openSync(folder.path, 'r');
    expect(calls.flock(lock, LOCK_EX)).toBe(0);
    using endpoint = await Endpoint.bind(calls, folder.fresh());
    expect(endpoint.socket.open).toBe(true);
    closeSync(lock);
  }, 30_000);

  test('the folder is not left locked', async () => {
    using _first = await Endpoint.bind(calls, folder.fresh());
    const lock = openSync(folder.path, 'r');
    expect(calls.flock(lock, LOCK_EX | LOCK_NB)).toBe(0);
    closeSync(lock);
  });
});
