import { lstatSync, mkdirSync, readdirSync, renameSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { basename, join } from 'node:path';
import { EndpointPath, identify, LONGEST_PATH, probeSocketFile } from '@pageferry/core';
import { socketTransport } from '@pageferry/socket';
import { describe, expect, test } from 'vitest';
import { pipeName } from '../dist/endpoint/address.js';
import { moveIfFree, removeStale } from '../dist/endpoint/file.js';
import { usePlace } from './support/place.js';
import { SenderProcess } from './support/process.js';

const place = usePlace();

/** A socket file that a killed process left behind. */
async function leaveStale(endpoint: string): Promise<void> {
  const process = await SenderProcess.start(place());
  process.send(endpoint);
  expect(await process.answer()).toBe('started');
  await process.kill();
  expect(lstatSync(endpoint).isSocket()).toBe(true);
}

describe('endpoint', () => {
  test('of processes that start together at a stale file, one gets it, each time', async () => {
    const starters = await Promise.all([1, 2, 3, 4].map(() => SenderProcess.start(place())));
    for (let round = 0; round < 15; round++) {
      const endpoint = place().path(`endpoint-${round}`);
      await leaveStale(endpoint);
      for (const starter of starters) starter.send(endpoint);
      const answers = await Promise.all(starters.map((starter) => starter.answer()));
      expect(answers.toSorted()).toEqual([...Array(3).fill('ENDPOINT_IN_USE'), 'started']);
      expect(await probeSocketFile(new EndpointPath(endpoint))).toBe('live');
    }
    expect(readdirSync(place().folder).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  test('of senders that start together in one thread, one gets it', async () => {
    const endpoint = place().path();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, () => socketTransport.createSender({ endpoint })),
    );
    const started = outcomes.filter(({ status }) => status === 'fulfilled');
    expect(started).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === 'fulfilled') place().own(outcome.value);
      else expect(outcome.reason.code).toBe('ENDPOINT_IN_USE');
    }
  });

  test('a stale file is removed only while it is the one that was found', async () => {
    const endpoint = place().path();
    await leaveStale(endpoint);
    const stale = identify(endpoint);
    expect(await probeSocketFile(new EndpointPath(endpoint))).toBe('stale');
    if (stale === undefined) throw new Error('the stale file is gone');
    renameSync(endpoint, place().path('elsewhere'));
    const sender = place().own(await socketTransport.createSender({ endpoint }));
    removeStale(endpoint, stale);
    expect(await probeSocketFile(new EndpointPath(endpoint))).toBe('live');
    removeStale(place().path('elsewhere'), stale);
    expect(readdirSync(place().folder)).toEqual(['endpoint']);
    expect(sender.closed).toBe(false);
  });

  test('a stale file is left alone while another sender has its turn, unless that one was killed', async () => {
    const endpoint = place().path();
    await leaveStale(endpoint);
    const stale = identify(endpoint);
    if (stale === undefined) throw new Error('the stale file is gone');
    const lock = join(place().folder, `.pf-${basename(endpoint)}.lock`);
    mkdirSync(lock);
    removeStale(endpoint, stale);
    expect(identify(endpoint)).toEqual(stale);
    utimesSync(lock, 0, 0);
    removeStale(endpoint, stale); // Removes the lock; whoever comes next has its turn.
    removeStale(endpoint, stale);
    expect(readdirSync(place().folder)).toEqual([]);
  });

  test('a file is moved only to where nothing is', () => {
    const [one, two, three] = ['one', 'two', 'three'].map((name) => place().path(name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(one, '1');
    writeFileSync(two, '2');
    expect(moveIfFree(one, two)).toBe(false);
    expect(moveIfFree(one, three)).toBe(true);
    expect(readdirSync(place().folder).toSorted()).toEqual(['three', 'two']);
  });

  test('nothing but the socket file is left beside it, and nothing after close', async () => {
    const sender = await socketTransport.createSender({ endpoint: place().path() });
    expect(readdirSync(place().folder)).toEqual(['endpoint']);
    await sender.close();
    expect(readdirSync(place().folder)).toEqual([]);
  });

  test('a failed attempt leaves nothing', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(place().path(), resolve));
    place().defer(() => server.close());
    for (let attempt = 0; attempt < 3; attempt++) {
      const starting = socketTransport.createSender({ endpoint: place().path() });
      await expect(starting).rejects.toMatchObject({ code: 'ENDPOINT_IN_USE' });
    }
    expect(readdirSync(place().folder)).toEqual(['endpoint']);
  });

  test('its mode is 0600 whatever the umask is', async () => {
    // Set back by the end of this turn: it is the whole process's.
    const before = process.umask(0);
    place().defer(() => process.umask(before));
    const sender = place().own(await socketTransport.createSender({ endpoint: place().path() }));
    expect(lstatSync(sender.endpoint).mode & 0o777).toBe(0o600);
  });

  test('a one-letter name works in the longest folder', async () => {
    const folder = place().folder.padEnd(LONGEST_PATH - 2, '/x');
    mkdirSync(folder, { recursive: true });
    const endpoint = join(folder, 'e').padEnd(LONGEST_PATH, 'e');
    const sender = place().own(await socketTransport.createSender({ endpoint }));
    place().own(await socketTransport.createReceiver({ endpoint }));
    await sender.waitForReceivers();
    expect(readdirSync(folder)).toHaveLength(1);
  });
});

describe('named pipes, which stand for endpoints on Windows', () => {
  test('have a name that depends on the path, and that fits', () => {
    expect(pipeName('/tmp/one')).toMatch(/^\\\\\.\\pipe\\pageferry-[0-9a-f]{64}$/);
    expect(pipeName('/tmp/one')).toBe(pipeName('/tmp/ONE'));
    expect(pipeName('/tmp/one')).toBe(pipeName('/tmp/two/../one'));
    expect(pipeName('/tmp/one')).not.toBe(pipeName('/tmp/two'));
  });

  test.each(['\\\\.\\pipe\\mine', '\\\\?\\pipe\\mine', '//./pipe/mine'])(
    '%s is one already',
    (name) => {
      expect(pipeName(name)).toBe(name);
    },
  );
});
