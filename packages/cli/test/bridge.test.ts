import { natsTransport } from '@pageferry/nats';
import { sharedMmap } from '@pageferry/shared-mmap';
import { expectNothingLeft, hasNatsServer, NatsServer, temporaryFolder } from '@pageferry/testkit';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Running, run } from './support/run.js';

vi.setConfig({ testTimeout: 60_000 });

const folder = temporaryFolder();

describe('pageferry bridge', () => {
  test('says what is wrong', async () => {
    const within = await run(['bridge', 'one', 'two']);
    expect([within.status, within.stderr]).toEqual([2, expect.stringContaining('nats:SUBJECT')]);
    expect((await run(['bridge', 'one'])).status).toBe(2);
    const odd = await run(['bridge', 'one', 'nats:two', '--nobody', 'panic']);
    expect([odd.status, odd.stderr]).toEqual([2, expect.stringContaining('wait, drop')]);
    const forbidden = await run(['bridge', 'one', 'nats:two', '--allow', 'one,nats:three']);
    expect([forbidden.status, forbidden.stderr]).toEqual([
      1,
      expect.stringContaining('nats:two may not be bridged'),
    ]);
  });

  test('has a help with examples', async () => {
    const { status, stdout } = await run(['bridge', '--help']);
    expect(status).toBe(0);
    expect(stdout).toContain('pageferry bridge frames nats:camera.frames');
  });
});

describe.skipIf(!hasNatsServer)('pageferry bridge, with a server', () => {
  expectNothingLeft();
  let server: NatsServer;
  beforeAll(async () => {
    if (hasNatsServer) server = await NatsServer.start();
  });
  afterAll(() => server?.remove());

  const start = (from: string, to: string, ...words: string[]) =>
    new Running(['bridge', from, to, '--servers', server.url, '--json', ...words]);

  async function state(command: Running, wanted: string): Promise<Record<string, unknown>> {
    for (;;) {
      const line = await command.line();
      if (line === undefined) throw new Error('it has ended');
      const said = JSON.parse(line);
      if (said.state === wanted || said.type === wanted) return said;
    }
  }

  test('carries messages to another host, and from there to a name', async () => {
    const here = folder.fresh();
    const there = folder.fresh();
    const out = start(here, 'nats:cli.frames', '--once');
    const back = start('nats:cli.frames', there, '--once', '--allow', 'nats:cli.*,/*');
    await using sender = await sharedMmap.createSender({ endpoint: here });
    await using receiver = await sharedMmap.createReceiver({ endpoint: there });
    await sender.waitForReceivers();
    const bytes = Buffer.alloc(3_000_000, 7);
    for (let tag = 0; tag < 5; tag++) await sender.send(bytes, { tag });
    for (let tag = 0; tag < 5; tag++) {
      using delivery = await receiver.receive();
      expect([delivery?.tag, delivery?.copy().equals(bytes)]).toEqual([tag, true]);
    }
    await sender.close();
    expect(await receiver.receive()).toBeUndefined();
    for (const command of [out, back]) {
      expect(await state(command, 'counters')).toMatchObject({ messagesBridged: 5, failures: 0 });
      expect(await command.ended()).toEqual({ status: 0, stderr: '' });
    }
  });

  test('tries again, says so, and ends in order on Ctrl-C', async () => {
    const here = folder.fresh();
    const nats = natsTransport({ servers: server.url });
    const squatter = await nats.createSender({ endpoint: 'nats:cli.taken' });
    const command = start(here, 'nats:cli.taken');
    await using sender = await sharedMmap.createSender({ endpoint: here });
    expect(await state(command, 'pausing')).toMatchObject({
      code: 'ENDPOINT_IN_USE',
      milliseconds: 100,
    });
    await squatter.close();
    await state(command, 'bridging');
    command.kill('SIGINT');
    expect(await state(command, 'counters')).toMatchObject({ connections: 1 });
    expect((await command.ended()).status).toBe(0);
    await expect(sender.send(Buffer.of(1))).resolves.toBe('no-receiver');
  });

  test('with --once fails when the sender dies', async () => {
    const here = folder.fresh();
    const command = start(here, 'nats:cli.dying', '--once');
    const sender = await sharedMmap.createSender({ endpoint: here });
    await state(command, 'bridging');
    await sender.destroy();
    const { status, stderr } = await command.ended();
    expect(status).toBe(1);
    expect(stderr).toContain('ended without closing');
  });
});
