import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { connect, type FdSocket, type ReceivedMessage } from '@pageferry/fd-socket';
import { expect, onTestFinished, test } from 'vitest';

const EXAMPLE = fileURLToPath(new URL('../descriptors/service.mjs', import.meta.url));
const OPEN_FOR_ME = fileURLToPath(new URL('../descriptors/open-for-me.mjs', import.meta.url));
const CONTRACT = new URL('../../transfer-contract.md', import.meta.url);
const run = promisify(execFile);
const PAGE = new URL('../../../packages/fd-socket/README.md', import.meta.url);
const ACTIVATE = fileURLToPath(
  new URL('../../../packages/fd-socket/test/programs/activate.py', import.meta.url),
);

test.each(['activated', 'by itself'])('a service hands its log to its clients: %s', async (how) => {
  const folder = mkdtempSync(join(tmpdir(), 'pf-service-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const log = join(folder, 'log');
  const socket = join(folder, 'service.sock');
  const command = [process.execPath, EXAMPLE, log];
  const words = how === 'activated' ? ['/usr/bin/python3', ACTIVATE, socket, ...command] : command;
  const [program = '', ...rest] = words;
  const service = spawn(program, rest, { cwd: folder, stdio: 'inherit' });
  onTestFinished(() => {
    service.kill('SIGKILL');
  });
  for (const line of ['one\n', 'two\n']) {
    const client = await connectLater(socket);
    for await (const message of client as AsyncIterable<ReceivedMessage>) {
      expect(`${message.data}`).toBe(`for ${process.pid}`);
      for (const fd of message.takeFds()) {
        writeSync(fd.fd, line);
        fd.close();
      }
    }
  }
  service.kill('SIGTERM');
  expect(await once(service, 'exit')).toEqual([0, null]);
  expect(readFileSync(log, 'utf8')).toBe('one\ntwo\n');
});

async function connectLater(path: string): Promise<FdSocket> {
  for (;;) {
    try {
      return await connect(path);
    } catch (error) {
      const { errnoName = '' } = error as { errnoName?: string };
      if (!['ENOENT', 'ECONNREFUSED'].includes(errnoName)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

test('a process reads what another one has opened for it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pf-open-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const { stdout } = await run(process.execPath, [OPEN_FOR_ME], { cwd: folder });
  expect(stdout).toBe('what the other process may read\n');
});

test('the contract shows that program', () => {
  const source = readFileSync(OPEN_FOR_ME, 'utf8').split('\n').slice(1).join('\n');
  expect(readFileSync(CONTRACT, 'utf8')).toContain(
    `\`\`\`js\n// open-for-me.mjs\n${source}\`\`\`\n`,
  );
});

test('the page shows that program', () => {
  const source = readFileSync(EXAMPLE, 'utf8').split('\n').slice(1).join('\n');
  expect(readFileSync(PAGE, 'utf8')).toContain(`\`\`\`js\n// service.mjs\n${source}\`\`\`\n`);
});
