import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Listener, Sender } from '@pageferry/core';
import { sharedMmap } from '@pageferry/shared-mmap';
import { socketTransport } from '@pageferry/socket';
import { expectNothingLeft, temporaryFolder } from '@pageferry/testkit';
import { vmspliceNapi } from '@pageferry/vmsplice-napi';
import { describe, expect, test, vi } from 'vitest';
import { run } from './support/run.js';

vi.setConfig({ testTimeout: 30_000 });

const folder = temporaryFolder();

interface Listed {
  readonly name: string;
  readonly state: string;
  readonly [field: string]: unknown;
}

async function list(
  ...args: string[]
): Promise<{ readonly all: Listed[]; readonly status: number }> {
  const { stdout, status } = await run(['list', '--json', '--for', '0', ...args]);
  return { all: JSON.parse(stdout), status: status as number };
}

describe('pageferry list', () => {
  expectNothingLeft();

  test.each([
    ['shared-mmap', 'shared-mmap', sharedMmap],
    ['vmsplice-napi', 'vmsplice', vmspliceNapi],
    ['socket', 'socket', socketTransport],
  ])('shows senders and listeners of %s, with their counters', async (_, name, transport) => {
    const endpoint = folder.fresh();
    const channels = folder.fresh();
    await using sender: Sender = await transport.createSender({ endpoint });
    await using receiver = await transport.createReceiver({ endpoint });
    await sender.send(Buffer.from('hello'));
    await using listener: Listener = await transport.listen({ endpoint: channels });
    const channel = await transport.connect({ endpoint: channels });
    const { all, status } = await list(endpoint, channels);
    expect(status).toBe(0);
    const whose = { pid: process.pid, uid: process.geteuid?.(), transport: name, state: 'open' };
    expect(all).toMatchObject([
      { name: endpoint, side: 'sender', messagesSent: 1, bytesSent: 5, peerCount: 1, ...whose },
      { name: channels, side: 'listener', messagesSent: 0, peerCount: 1, ...whose },
    ]);
    // Nobody has joined by that.
    expect([sender.receivers.length, listener.channels.length]).toEqual([1, 1]);
    (await receiver.receive())?.release();
    await channel.close();
  });

  test('gets no counters of a sender that cannot tell who asks, and lets in others', async () => {
    const endpoint = folder.fresh();
    const allow = { gids: [process.getgid?.() as number] };
    await using _ = await socketTransport.createSender({ endpoint, allow });
    const { all, status } = await list(endpoint);
    expect(status).toBe(0);
    expect(all).toMatchObject([{ state: 'untold', transport: 'socket', pid: process.pid }]);
    expect(all[0]).not.toHaveProperty('messagesSent');
  });

  test('finds names, and sockets in a folder, but for those that are left behind', async () => {
    const runtimeFolder = folder.fresh();
    mkdirSync(join(runtimeFolder, 'pageferry'), { recursive: true, mode: 0o700 });
    const at = (name: string) => join(runtimeFolder, 'pageferry', name);
    await using _ = await sharedMmap.createSender({ endpoint: at('frames') });
    writeFileSync(at('no-socket'), '');
    const stale = spawn(process.execPath, [
      '-e',
      `require('node:net').createServer().listen(${JSON.stringify(at('stale'))}, () => process.kill(process.pid, 'SIGKILL'))`,
    ]);
    await once(stale, 'close');
    const named = await run(['list', '--json'], { runtimeFolder });
    expect(JSON.parse(named.stdout).map(({ name }: Listed) => name)).toEqual(['frames']);
    const inFolder = await list(join(runtimeFolder, 'pageferry'));
    expect(inFolder.all.map(({ name }) => name)).toEqual([at('frames')]);
    const names = await run(['list', '--names'], { runtimeFolder });
    expect(names.stdout).toBe('frames\nstale\n');
  });

  test('says what is not there, and that with its exit status', async () => {
    const { all, status } = await list(folder.fresh());
    expect(status).toBe(1);
    expect(all).toMatchObject([{ state: 'closed' }]);
    const empty = await run(['list'], { runtimeFolder: folder.fresh() });
    expect(empty).toEqual({ status: 0, stdout: '', stderr: 'pageferry: nothing is open\n' });
  });

  test('says of another program that it is none of ours, and of one that is stopped that it is silent', async () => {
    const foreign = folder.fresh();
    const server = createServer((connection) => {
      connection.on('error', () => undefined).resume();
      connection.end('220 mail\r\n');
    });
    await new Promise<void>((resolve) => server.listen(foreign, resolve));
    const silent = folder.fresh();
    const quiet = createServer((connection) => connection.on('error', () => undefined).resume());
    await new Promise<void>((resolve) => quiet.listen(silent, resolve));
    const { all } = await list('--timeout', '100', foreign, silent);
    expect(all).toMatchObject([
      { state: 'unknown', code: 'NOT_PAGEFERRY' },
      { state: 'silent', code: 'TIMEOUT' },
    ]);
    const table = await run(['list', '--for', '0', '--timeout', '100', foreign, silent]);
    expect(table.stdout).toContain('does not answer');
    await Promise.all([server, quiet].map((each) => new Promise((done) => each.close(done))));
  });

  test('has rates, fits 80 columns, and lets no name give orders to a terminal', async () => {
    const runtimeFolder = folder.fresh();
    mkdirSync(join(runtimeFolder, 'pageferry'), { recursive: true, mode: 0o700 });
    const endpoint = join(
      runtimeFolder,
      'pageferry',
      'a\u001b[31mname of more columns than are there',
    );
    await using sender = await sharedMmap.createSender({ endpoint });
    await using receiver = await sharedMmap.createReceiver({ endpoint });
    const stop = new AbortController();
    const sending = (async () => {
      while (!stop.signal.aborted) {
        await sender.send(Buffer.alloc(1000));
        (await receiver.receive())?.release();
        await new Promise(setImmediate);
      }
    })();
    const { stdout } = await run(['list', '--for', '100'], { runtimeFolder });
    stop.abort();
    await sending;
    const lines = stdout.trimEnd().split('\n');
    expect(lines.length).toBe(2);
    expect(lines[1]).toMatch(
      /^a\?\[31mname of mo… shared-mmap send {5}1 +[\d.]+[kM]? +[\d.]+ [KM]?i?B +0 /,
    );
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
  });
});
