import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { echo, Rig } from './support/channels.js';
import { usePlace } from './support/place.js';
import { connectRaw, hungUp } from './support/raw.js';

const place = usePlace();

/** How many sockets and servers, and how many timers, keep this process alive. */
function alive(): { readonly pipes: number; readonly timers: number } {
  const names = process.getActiveResourcesInfo();
  return {
    pipes: names.filter((name) => name.startsWith('Pipe')).length,
    timers: names.filter((name) => name === 'Timeout').length,
  };
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
  expect(alive().pipes).toBeGreaterThan(before.pipes + 2 * channels);
  await rig.listener.close();
  expect(existsSync(endpoint)).toBe(false);
  await hungUp(silent);
  await place().clear();
  // Newer Nodes have the other sides' sockets closed some turns of the event loop later.
  await expect.poll(() => alive().pipes, { interval: 1, timeout: 30_000 }).toBe(before.pipes);
  // The test runner has some of its own, which come to an end.
  expect(alive().timers).toBeLessThanOrEqual(before.timers);
});
