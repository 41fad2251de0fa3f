import { once } from 'node:events';
import { mkdirSync, readdirSync, rmSync, utimesSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expectNothingLeft, temporaryFolder } from '@pageferry/testkit';
import { fork } from '@pageferry/workers';
import { beforeEach, expect, test, vi } from 'vitest';
import { program } from './support.js';

const folder = temporaryFolder();

expectNothingLeft();

let place: string;
beforeEach(() => {
  place = folder.fresh('meetings');
  mkdirSync(place);
  vi.stubEnv('XDG_RUNTIME_DIR', place);
  return () => vi.unstubAllEnvs();
});

/** A place as a parent leaves it that was killed before it had started its child; old unless somebody says when it was made. */
function leave(name: string, within: string = place): string {
  const path = join(within, name);
  mkdirSync(path, { mode: 0o700 });
  return path;
}

/** Meets a child at a path, and lets it go. */
async function meetOnce(): Promise<void> {
  const child = await fork(program('echo'), [], { transportModule: '@pageferry/socket' });
  const exited = once(child, 'exit');
  await child.port.close();
  child.kill();
  await exited;
}

test('who meets a child removes the places of parents that were killed before they had one', async () => {
  const empty = leave('pageferry-meeting-aaaaaa');
  const binding = leave('pageferry-meeting-bbbbbb');
  const inner = leave('.pf-cccccc', binding);
  for (const path of [inner, binding, empty]) utimesSync(path, 0, 0);
  await meetOnce();
  expect(readdirSync(place)).toEqual([]);
});

test('and no others', async () => {
  const lived = leave('pageferry-meeting-living');
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(join(lived, 'parent'), resolve));
  const filled = leave('pageferry-meeting-filled');
  leave('one', filled);
  leave('two', filled);
  const young = leave('pageferry-meeting-young1');
  const others = leave('pageferry-of-others');
  for (const path of [lived, filled, others]) utimesSync(path, 0, 0);
  await meetOnce();
  expect(readdirSync(place).toSorted()).toEqual(
    [lived, filled, young, others].map((path) => path.slice(place.length + 1)).toSorted(),
  );
  await new Promise((resolve) => server.close(resolve));
  rmSync(place, { recursive: true });
});
