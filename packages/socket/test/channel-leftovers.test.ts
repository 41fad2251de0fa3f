import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { echo, Rig } from './support/channels.js';
import { usePlace } from './support/place.js';
import { connectRaw, hungUp } from './support/raw.js';

const place = usePlace();

/** Sockets, servers and timers that keep this process alive. */
function alive(): readonly string[] {
  return process
    .getActiveResourcesInfo()
    .filter((name) => name.startsWith('Pipe') || name === 'Timeout')
    .sort();
}

test('a listener leaves nothing behind: no socket, no timer, no file', async () => {
  const before = alive();
  const rig = await Rig.open(place());
  const { endpoint } = rig.listener;
  for (let count = 0; count < 10; count++) {
    const { far, near } = await rig.channel();
    expect(await echo(far, near)).toBe('works');
    if (count % 3 === 0) await far.close();
    if (count % 3 === 1) await near.destroy();
  }
  const silent = await connectRaw(place(), endpoint);
  const channels = rig.listener.channels.length;
  expect(channels).toBeGreaterThan(2);
  expect(existsSync(endpoint)).toBe(true);
  await rig.listener.close();
  expect(existsSync(endpoint)).toBe(false);
  await hungUp(silent);
  await place().clear();
  expect(alive()).toEqual(before);
});
