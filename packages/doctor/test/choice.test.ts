import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chooseTransport, examine, openBestReceiver, openBestSender } from '@pageferry/doctor';
import { sharedMmap } from '@pageferry/shared-mmap';
import { socketTransport } from '@pageferry/socket';
import { vmspliceNapi } from '@pageferry/vmsplice-napi';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { BACKENDS } from './support/backends.js';
import { fixture } from './support/run.js';

let folder = '';
let endpoint = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pageferry-choice-'));
  endpoint = join(folder, 'ferry');
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

describe('the choice of a transport', () => {
  test.runIf(process.platform === 'linux')('takes one without a copy, and says why', async () => {
    const { name, transport, reasons } = await chooseTransport({ prefer: ['vmsplice-napi'] });
    expect(name).toBe('vmsplice-napi');
    expect(transport).toBe(vmspliceNapi);
    expect(reasons).toEqual(['vmsplice-napi: sending without a copy']);
  });

  test.runIf(process.platform === 'linux')('goes by the order that it is given', async () => {
    expect((await chooseTransport()).name).toBe('shared-mmap');
    const prefer = ['vmsplice-ffi', 'vmsplice-napi', 'shared-mmap'];
    expect((await chooseTransport({ prefer })).name).toMatch(/^vmsplice-/);
    expect((await chooseTransport({ prefer: ['socket', 'shared-mmap'] })).name).toBe('socket');
  });

  test('falls back to the socket, also where it was not named', async () => {
    for (const prefer of [[], ['socket']]) {
      const { name, transport, reasons } = await chooseTransport({ prefer });
      expect(name).toBe('socket');
      expect(transport).toBe(socketTransport);
      expect(reasons).toEqual(['socket: works everywhere, and copies']);
    }
  });

  test.each(['darwin', 'win32'] as const)('takes the socket on %s', async (platform) => {
    const original = Object.getOwnPropertyDescriptor(process, 'platform') as PropertyDescriptor;
    Object.defineProperty(process, 'platform', { ...original, value: platform });
    try {
      const { name, reasons } = await chooseTransport();
      expect(name).toBe('socket');
      expect(reasons).toContain('vmsplice-napi: it is for Linux');
    } finally {
      Object.defineProperty(process, 'platform', original);
    }
  });

  test('leaves no file and no descriptor behind', async () => {
    vi.stubEnv('TMPDIR', folder);
    await chooseTransport();
    const before = countDescriptors();
    await chooseTransport();
    expect(countDescriptors()).toBe(before);
    expect(readdirSync(folder)).toEqual([]);
  });

  test.runIf(process.platform === 'linux').each([
    ['missing', () => '/nowhere'],
    ['read-only', () => '/proc'],
    ['long', () => longFolder()],
  ])('needs no temporary folder: one that is %s changes nothing (11.19)', async (_, find) => {
    vi.stubEnv('TMPDIR', find());
    for (const prefer of [undefined, ['vmsplice-napi'], ['vmsplice-ffi']]) {
      const { name } = await chooseTransport({ prefer });
      expect(name).toBe(prefer?.[0] ?? 'shared-mmap');
    }
    const { sender, name } = await openBestSender({ endpoint });
    await using closing = sender;
    expect(name).toBe('shared-mmap');
    const met = await openBestReceiver({ endpoint });
    expect(met.name).toBe('shared-mmap');
    await met.receiver.close();
    expect(closing.closed).toBe(false);
    const report = await examine();
    expect(report.recommended).toBe('shared-mmap');
    expect(report.backends.filter(({ usable }) => !usable)).toEqual([]);
  });

  test('refuses a warning that is neither wanted nor not wanted', async () => {
    const refusal = { code: 'INVALID_ARGUMENT', argument: 'warn' };
    await expect(chooseTransport({ warn: 'no' as never })).rejects.toMatchObject(refusal);
  });

  test.each([[['nonsense']], [[7]], ['vmsplice-napi']])(
    'refuses %j as a preference',
    async (prefer) => {
      const given = { prefer: prefer as never };
      const refusal = { code: 'INVALID_ARGUMENT', argument: 'prefer' };
      await expect(chooseTransport(given)).rejects.toMatchObject(refusal);
      await expect(openBestSender({ endpoint, ...given })).rejects.toMatchObject(refusal);
      await expect(openBestReceiver({ endpoint, ...given })).rejects.toMatchObject(refusal);
    },
  );
});

describe.each(BACKENDS)('a sender over $backend', ({ backend, transport }) => {
  test('that was opened by preference meets a receiver that knows nothing of it', async () => {
    const { sender, name } = await openBestSender({ endpoint, prefer: [backend] });
    await using closing = sender;
    expect(name).toBe(backend);
    await expectToMeet(() => closing.send(Buffer.from('hello')), backend);
  });

  test('that was opened by name meets it too', async () => {
    await using sender = await transport.createSender({ endpoint });
    await expectToMeet(() => sender.send(Buffer.from('hello')), backend);
  });

  test('may come after the receiver, in a process of its own', async () => {
    const opening = openBestReceiver({ endpoint });
    const child = fork(fixture('sender.mjs'), [endpoint, backend]);
    const ended = once(child, 'exit');
    const { receiver, name } = await opening;
    await using closing = receiver;
    expect(name).toBe(backend);
    child.send('go');
    using delivery = await closing.receive();
    expect(delivery?.copy().toString()).toBe('hello');
    expect(await closing.receive()).toBeUndefined();
    expect(await ended).toEqual([0, null]);
  });

  async function expectToMeet(send: () => Promise<string>, expected: string) {
    const { receiver, name, reasons } = await openBestReceiver({ endpoint });
    await using closing = receiver;
    expect(name).toBe(expected);
    expect(reasons.at(-1)).toBe(`${expected}: it answers`);
    const receiving = closing.receive();
    expect(await send()).toBe('sent');
    using delivery = await receiving;
    expect(delivery?.copy().toString()).toBe('hello');
  }
});

describe('a receiver that waits for whatever transport comes', () => {
  test('gives up after one time limit for all attempts', async () => {
    const error = { code: 'TIMEOUT' };
    await expect(openBestReceiver({ endpoint, timeout: 5 })).rejects.toMatchObject(error);
  });

  test('gives up when its signal fires', async () => {
    const controller = new AbortController();
    const opening = openBestReceiver({ endpoint, signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(opening).rejects.toMatchObject({ code: 'ABORTED', cause: { message: 'enough' } });
  });

  test('says so if nobody there speaks Pageferry', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
    });
    await once(server.listen(endpoint), 'listening');
    await expect(openBestReceiver({ endpoint })).rejects.toMatchObject({ code: 'NOT_PAGEFERRY' });
    server.close();
  });

  test.runIf(process.platform === 'linux')('names a transport that it does not have', async () => {
    await using sender = await sharedMmap.createSender({ endpoint });
    const opening = openBestReceiver({ endpoint, prefer: ['vmsplice-napi'] });
    await expect(opening).rejects.toMatchObject({ code: 'TRANSPORT_MISMATCH' });
    expect(sender.receivers).toHaveLength(0);
  });

  test.each(BACKENDS)('does not try others when a $backend sender has no room', async (each) => {
    await using sender = await each.transport.createSender({ endpoint, maxReceivers: 1 });
    await using first = await each.transport.createReceiver({ endpoint });
    await sender.waitForReceivers();
    const opening = openBestReceiver({ endpoint });
    await expect(opening).rejects.toMatchObject({ code: 'PEER_REJECTED' });
    await first.close();
  });

  test.each(BACKENDS)(
    'does not try others when a $backend sender says nothing, and says that (11.16)',
    async ({ backend, transport }) => {
      const child = fork(fixture('sender.mjs'), [endpoint, backend]);
      const ended = once(child, 'exit');
      try {
        await (await transport.createReceiver({ endpoint })).close(); // The sender is there.
        child.kill('SIGSTOP');
        // Time enough for a backend that cannot hear it to find that out.
        const opening = openBestReceiver({ endpoint, timeout: 4000 });
        await expect(opening).rejects.toMatchObject({
          code: 'TIMEOUT',
          message: expect.stringMatching(/somebody listens there.*has said nothing$/),
        });
        const patient = openBestReceiver({ endpoint });
        child.kill('SIGCONT');
        const { receiver, name } = await patient;
        expect(name).toBe(backend);
        await receiver.close();
      } finally {
        child.kill('SIGKILL');
        await ended;
      }
    },
  );

  test('knocks with the socket too, also where it was not named', async () => {
    await using _sender = await socketTransport.createSender({ endpoint });
    const { receiver, name } = await openBestReceiver({ endpoint, prefer: [] });
    await receiver.close();
    expect(name).toBe('socket');
  });
});

/** A folder whose path is longer than the address of a Unix socket. */
function longFolder(): string {
  const path = join(folder, 'x'.repeat(120));
  mkdirSync(path);
  return path;
}

/** Descriptors that are open; 0 where `/proc` does not tell. */
function countDescriptors(): number {
  return process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0;
}
