import { mkdirSync, readdirSync, renameSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { socketTransport } from '@pageferry/socket';
import { expect, test } from 'vitest';
import { usePlace } from './support/place.js';
import { SenderProcess } from './support/process.js';

const place = usePlace();

/** Makes a folder as `listenHidden` does, and what is in it. */
function hide(name: string): string {
  const folder = place().path(name);
  mkdirSync(folder, { mode: 0o700 });
  return folder;
}

/** The socket file of a process that was killed, in this folder. */
async function leaveSocketIn(folder: string): Promise<void> {
  const endpoint = place().path('killed');
  const process = await SenderProcess.start(place());
  process.send(endpoint);
  expect(await process.answer()).toBe('started');
  await process.kill();
  renameSync(endpoint, join(folder, 's'));
}

function makeOld(folder: string): void {
  utimesSync(folder, 0, 0);
}

test('who binds removes what those have left who were killed while they bound', async () => {
  const [empty, bound] = [hide('.pf-aaaaaa'), hide('.pf-bbbbbb')];
  await leaveSocketIn(bound);
  for (const folder of [empty, bound]) makeOld(folder);
  place().own(await socketTransport.createSender({ endpoint: place().path() }));
  expect(readdirSync(place().folder)).toEqual(['endpoint']);
});

test('who listens for channels does, too', async () => {
  const bound = hide('.pf-cccccc');
  await leaveSocketIn(bound);
  makeOld(bound);
  place().own(await socketTransport.listen({ endpoint: place().path() }));
  expect(readdirSync(place().folder)).toEqual(['endpoint']);
});

test('what may be in use, or is not its own kind, stays', async () => {
  hide('.pf-young1');
  const live = hide('.pf-living');
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(join(live, 's'), resolve));
  place().defer(() => server.close());
  const [full, other] = [hide('.pf-filled'), hide('.pf-of-others')];
  for (const name of ['one', 'two']) writeFileSync(join(full, name), '');
  const file = hide('.pf-a-file');
  writeFileSync(join(file, 's'), 'no socket');
  const noSocket = hide('.pf-nosock');
  writeFileSync(join(noSocket, 's'), 'no socket');
  for (const folder of [live, full, other, file, noSocket]) makeOld(folder);
  const before = readdirSync(place().folder);
  place().own(await socketTransport.createSender({ endpoint: place().path() }));
  expect(readdirSync(place().folder).toSorted()).toEqual([...before, 'endpoint'].toSorted());
});
