import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const PAGE = new URL('../../transfer-contract.md', import.meta.url);
const EXAMPLES = new URL('../shutting-down/', import.meta.url);
const LIMIT = { timeout: 60_000 };

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pf-shutting-down-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Starts one of the examples, and reads what it prints. */
function start(name: string, signal: AbortSignal) {
  const child = spawn(process.execPath, [fileURLToPath(new URL(name, EXAMPLES)), endpoint()], {
    stdio: ['ignore', 'pipe', 'inherit'],
    signal,
    killSignal: 'SIGKILL',
  });
  const lines = createInterface({ input: child.stdout });
  const closed = once(child, 'close').then(([status]) => status as number | null);
  return { child, lines, closed };
}

const endpoint = () => join(folder, 'ferry.sock');

test('the page shows the examples as they are tested', () => {
  const page = readFileSync(PAGE, 'utf8');
  for (const name of ['sender.mjs', 'receiver.mjs']) {
    expect(page).toContain(`\`\`\`js\n${readFileSync(new URL(name, EXAMPLES), 'utf8')}\`\`\`\n`);
  }
});

test(
  'a sender that is told to end lets its receiver have everything, and removes its file',
  LIMIT,
  async ({ signal }) => {
    const receiver = start('receiver.mjs', signal);
    const got: string[] = [];
    receiver.lines.on('line', (line) => got.push(line));
    const sender = start('sender.mjs', signal);
    await once(receiver.lines, 'line');
    sender.child.kill('SIGTERM');

    expect(await sender.closed).toBe(0);
    expect(await receiver.closed).toBe(0);
    expect(got).toEqual(got.map((_, number) => `message ${number}`));
    expect(existsSync(endpoint())).toBe(false);
  },
);

test(
  'a receiver that is told to end leaves, and the sender serves the next one',
  LIMIT,
  async ({ signal }) => {
    const sender = start('sender.mjs', signal);
    for (let count = 0; count < 2; count++) {
      const receiver = start('receiver.mjs', signal);
      await once(receiver.lines, 'line');
      receiver.child.kill('SIGTERM');
      expect(await receiver.closed).toBe(0);
    }
    sender.child.kill('SIGTERM');
    expect(await sender.closed).toBe(0);
  },
);

test('both can be told to end while they wait for each other', LIMIT, async ({ signal }) => {
  for (const name of ['sender.mjs', 'receiver.mjs']) {
    const { child, closed } = start(name, signal);
    child.kill('SIGTERM'); // Before it listens, the signal simply ends it.
    expect([0, null]).toContain(await closed);
  }
});

test('a killed sender leaves its file, and the next one replaces it', LIMIT, async ({ signal }) => {
  for (const way of ['SIGKILL', 'SIGTERM'] as const) {
    const receiver = start('receiver.mjs', signal);
    const sender = start('sender.mjs', signal);
    await once(receiver.lines, 'line');
    receiver.child.kill('SIGTERM');
    sender.child.kill(way);
    await Promise.all([sender.closed, receiver.closed]);
    expect(existsSync(endpoint())).toBe(way === 'SIGKILL');
  }
});
