import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expectNothingLeft, temporaryFolder } from '@pageferry/testkit';
import { expect, test } from 'vitest';
import { program } from './support.js';

const folder = temporaryFolder();
const PATIENCE = { timeout: 15_000, interval: 5 };

expectNothingLeft();

/** Starts a parent, which has started a child that waits to connect. */
async function startFamily() {
  const meetings = folder.fresh('meetings');
  mkdirSync(meetings);
  const [word, mayConnect] = [folder.fresh('word'), folder.fresh('may-connect')];
  const parent = spawn(process.execPath, [fileURLToPath(program('dies-early')), word, mayConnect], {
    env: { ...process.env, XDG_RUNTIME_DIR: meetings },
    stdio: 'inherit',
  });
  await expect.poll(() => existsSync(`${word}.pid`), PATIENCE).toBe(true);
  await expect.poll(() => readFileSync(`${word}.pid`, 'utf8'), PATIENCE).not.toBe('');
  const pid = Number(readFileSync(`${word}.pid`, 'utf8'));
  return { meetings, word, mayConnect, parent, pid };
}

function isAlive(pid: number): boolean {
  try {
    // What has ended, and nobody has asked for yet, is no process any more.
    return !/\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

test('a child whose parent is killed before it connects at a path ends, and leaves nothing', async () => {
  const { meetings, word, mayConnect, parent, pid } = await startFamily();
  expect(readdirSync(meetings)).toHaveLength(1);
  parent.kill('SIGKILL');
  await once(parent, 'exit');
  writeFileSync(mayConnect, '');
  await expect.poll(() => isAlive(pid), PATIENCE).toBe(false);
  expect(readFileSync(word, 'utf8')).toBe('PEER_DIED');
  expect(readdirSync(meetings)).toEqual([]);
});

test('one whose parent is killed when it has connected ends, and leaves nothing', async () => {
  const { meetings, word, mayConnect, parent, pid } = await startFamily();
  writeFileSync(mayConnect, '');
  await expect.poll(() => existsSync(word), PATIENCE).toBe(true);
  parent.kill('SIGKILL');
  await once(parent, 'exit');
  await expect.poll(() => isAlive(pid), PATIENCE).toBe(false);
  expect(readFileSync(word, 'utf8')).toBe('connected');
  expect(readdirSync(meetings)).toEqual([]);
});
