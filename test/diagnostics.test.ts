import { execFile } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { DiagnosticsEvents, Transport } from '../packages/core/dist/contract/index.js';
import { sharedMmap } from '../packages/shared-mmap/dist/index.js';
import { socketTransport } from '../packages/socket/dist/index.js';
import { temporaryFolder } from '../packages/testkit/dist/index.js';
import { vmspliceNapi } from '../packages/vmsplice-napi/dist/index.js';
import { forkProgram } from './support/fork-program.js';

const { fresh } = temporaryFolder();
const LIMIT = { timeout: 15_000 };

/** All events of one name from now on. */
function heard<N extends keyof DiagnosticsEvents>(name: N): DiagnosticsEvents[N][] {
  const events: DiagnosticsEvents[N][] = [];
  const note = (event: unknown) => events.push(event as DiagnosticsEvents[N]);
  subscribe(name, note);
  onTestFinished(() => void unsubscribe(name, note));
  return events;
}

const transports: readonly (readonly [string, Transport])[] = [
  ['sharedMmap', sharedMmap],
  ['vmspliceNapi', vmspliceNapi],
  ['socketTransport', socketTransport],
];

describe.each(transports)('diagnostics of %s', (name, transport) => {
  const file = {
    sharedMmap: 'shared-mmap',
    vmspliceNapi: 'vmsplice-napi',
    socketTransport: 'socket',
  }[name];
  const moduleUrl = new URL(`../packages/${file}/dist/index.js`, import.meta.url).href;

  /** Starts a process that runs `act`, which uses `transport` and `endpoint`, and then waits. */
  function start(act: string, endpoint: string) {
    const program = `
      const { ${name}: transport } = await import('${moduleUrl}');
      const endpoint = ${JSON.stringify(endpoint)};
      ${act}
      process.send('done');
      setInterval(() => undefined, 1000);`;
    return forkProgram(program);
  }

  test('tell a sender of receivers that come, and of one that is killed', async () => {
    const [connected, gone] = [heard('pageferry:connect'), heard('pageferry:disconnect')];
    const endpoint = fresh();
    await using sender = await transport.createSender({ endpoint });
    const child = start(
      'globalThis.kept = await transport.createReceiver({ endpoint });',
      endpoint,
    );
    await sender.waitForReceivers(1, LIMIT);
    expect(connected).toEqual([
      { side: 'sender', endpoint, receiver: expect.objectContaining({ messagesBehind: 0 }) },
    ]);
    expect(gone).toEqual([]);
    await once(child, 'message');
    child.kill('SIGKILL');
    await expect.poll(() => gone).toMatchObject([{ side: 'sender', endpoint, receiver: {} }]);
  });

  test('tell a receiver of a sender that is killed, with the error', async () => {
    const [connected, gone] = [heard('pageferry:connect'), heard('pageferry:disconnect')];
    const endpoint = fresh();
    const child = start('globalThis.kept = await transport.createSender({ endpoint });', endpoint);
    await using receiver = await transport.createReceiver({ endpoint, ...LIMIT });
    await expect.poll(() => connected).toEqual([{ side: 'receiver', endpoint }]);
    await once(child, 'message');
    child.kill('SIGKILL');
    await expect(receiver.receive(LIMIT)).rejects.toMatchObject({ code: 'PEER_DIED' });
    const reason = expect.objectContaining({ code: 'PEER_DIED' });
    expect(gone).toEqual([{ side: 'receiver', endpoint, reason }]);
  });

  test('tell once of a sender that ends in order, without a reason', async () => {
    const gone = heard('pageferry:disconnect');
    const endpoint = fresh();
    const sender = await transport.createSender({ endpoint });
    await using receiver = await transport.createReceiver({ endpoint });
    await sender.waitForReceivers(1, LIMIT);
    await sender.close();
    expect(await receiver.receive(LIMIT)).toBeUndefined();
    expect(await receiver.receive(LIMIT)).toBeUndefined();
    expect(gone).toEqual([{ side: 'receiver', endpoint }]);
  });

  test('tell of both sides of a channel, and of the peer that dies', async () => {
    const [connected, gone] = [heard('pageferry:connect'), heard('pageferry:disconnect')];
    const endpoint = fresh();
    await using listener = await transport.listen({ endpoint });
    const child = start('globalThis.kept = await transport.connect({ endpoint });', endpoint);
    await using channel = await listener.accept(LIMIT);
    await expect.poll(() => connected).toMatchObject([{ side: 'channel', endpoint }]);
    await once(child, 'message');
    child.kill('SIGKILL');
    await expect(channel.receive(LIMIT)).rejects.toMatchObject({ code: 'PEER_DIED' });
    expect(gone).toMatchObject([{ side: 'channel', endpoint, reason: { code: 'PEER_DIED' } }]);
  });

  test('tell each second of a loan that waits for room, and what for', async () => {
    const stalls = heard('pageferry:stall');
    const endpoint = fresh();
    await using sender = await transport.createSender({ endpoint, poolBytes: 65_536 });
    using held = await sender.loan(65_536);
    await expect(sender.loan(65_536, { timeout: 1500 })).rejects.toMatchObject({ code: 'TIMEOUT' });
    expect(stalls.length).toBeGreaterThan(0);
    expect(stalls[0]).toMatchObject({ endpoint, call: 'loan' });
    expect(stalls[0]?.milliseconds).toBeGreaterThan(900);
    expect(stalls[0]?.waitsFor).toContain('no room for 64 KiB');
    expect(held.owned).toBe(true);
  });

  test('are silent while a receiver is idle', async () => {
    const stalls = heard('pageferry:stall');
    const endpoint = fresh();
    await using sender = await transport.createSender({ endpoint });
    await using receiver = await transport.createReceiver({ endpoint });
    await sender.waitForReceivers(1, LIMIT);
    await expect(receiver.receive({ timeout: 1500 })).rejects.toMatchObject({ code: 'TIMEOUT' });
    expect(stalls).toEqual([]);
  });

  test('are printed where NODE_DEBUG asks for that, and nowhere else', async () => {
    const program = `
      import { ${name} as transport } from '${moduleUrl}';
      const endpoint = ${JSON.stringify(fresh())};
      const sender = await transport.createSender({ endpoint });
      const receiver = await transport.createReceiver({ endpoint });
      await sender.waitForReceivers();
      await sender.close();
      await receiver.receive();
      await receiver.close();`;
    const run = async (NODE_DEBUG: string) => {
      const args = ['--input-type=module', '-e', program];
      const env = { ...process.env, NODE_DEBUG };
      return (await promisify(execFile)(process.execPath, args, { env })).stderr;
    };
    const printed = await run('pageferry');
    expect(printed).toMatch(/^PAGEFERRY \d+: connect \{/m);
    expect(printed).toMatch(/^PAGEFERRY \d+: disconnect \{/m);
    expect(await run('')).not.toContain('PAGEFERRY');
  });
});

describe('diagnostics of what is not as it should be', () => {
  test('tell of messages that are dropped, for whom', async () => {
    const drops = heard('pageferry:drop');
    const endpoint = fresh();
    await using sender = await sharedMmap.createSender({ endpoint });
    await using receiver = await sharedMmap.createReceiver({
      endpoint,
      whenBehind: 'drop-oldest',
      queueDepth: 1,
    });
    await sender.waitForReceivers(1, LIMIT);
    for (let count = 0; count < 3; count++) await sender.send(Uint8Array.of(count));
    expect(drops.map(({ receiver }) => receiver)).toMatchObject([
      { messagesDropped: 1 },
      { messagesDropped: 2 },
    ]);
    expect(receiver.tryReceive()?.bytes).toEqual(Uint8Array.of(2));
  });

  test('do not mind a subscriber that throws', async () => {
    const program = `
      import { subscribe } from 'node:diagnostics_channel';
      import { sharedMmap } from '${new URL('../packages/shared-mmap/dist/index.js', import.meta.url).href}';
      process.on('uncaughtException', ({ message }) => console.log(message));
      subscribe('pageferry:connect', () => { throw new Error('mine'); });
      const endpoint = ${JSON.stringify(fresh())};
      const sender = await sharedMmap.createSender({ endpoint });
      const receiver = await sharedMmap.createReceiver({ endpoint });
      await sender.waitForReceivers();
      await sender.send(Uint8Array.of(7));
      console.log((await receiver.receive()).bytes[0]);
      await sender.close(); await receiver.close();`;
    const args = ['--input-type=module', '-e', program];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    expect(
      stdout
        .split('\n')
        .filter((line) => line !== '')
        .sort(),
    ).toEqual(['7', 'mine', 'mine']);
  });
});
