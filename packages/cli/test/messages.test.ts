import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { type Receiver, sharedMmap } from '@pageferry/shared-mmap';
import { socketTransport } from '@pageferry/socket';
import { expectNothingLeft, temporaryFolder } from '@pageferry/testkit';
import { describe, expect, test, vi } from 'vitest';
import { COMMAND, Running, run } from './support/run.js';

vi.setConfig({ testTimeout: 60_000 });

const folder = temporaryFolder();

/** What a receiver gets until the sender closes. */
async function all(receiver: Receiver): Promise<[text: string, tag: number][]> {
  const found: [string, number][] = [];
  for await (const delivery of receiver) {
    found.push([Buffer.from(delivery.bytes).toString(), delivery.tag]);
    delivery.release();
  }
  return found;
}

describe('pageferry send', () => {
  expectNothingLeft();

  test('sends a text, to whoever comes, and ends when that is received', async () => {
    const endpoint = folder.fresh();
    const sending = run([
      'send',
      endpoint,
      '--text',
      'hello',
      '--tag',
      '7',
      '--repeat',
      '2',
      '--json',
    ]);
    await using receiver = await sharedMmap.createReceiver({ endpoint });
    expect(await all(receiver)).toEqual([
      ['hello', 7],
      ['hello', 7],
    ]);
    const { status, stdout, stderr } = await sending;
    expect([status, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toEqual({
      transport: 'shared-mmap',
      messagesSent: 2,
      bytesSent: 10,
    });
  });

  test('sends files, and the lines of what it reads', async () => {
    const file = folder.fresh();
    writeFileSync(file, 'one\ntwo\n');
    const endpoint = folder.fresh();
    const sending = run(['send', endpoint, file, file]);
    const receiver = await sharedMmap.createReceiver({ endpoint });
    expect(await all(receiver)).toEqual([
      ['one\ntwo\n', 0],
      ['one\ntwo\n', 0],
    ]);
    await receiver.close();
    expect((await sending).status).toBe(0);
    const lines = run(['send', endpoint, '--lines'], { input: 'one\r\ntwo\n\nfour' });
    await using next = await sharedMmap.createReceiver({ endpoint });
    expect((await all(next)).map(([text]) => text)).toEqual(['one', 'two', '', 'four']);
    expect((await lines).status).toBe(0);
  });

  test('sends the bytes of lines as they are', async () => {
    const endpoint = folder.fresh();
    const input = Buffer.from('caf\xe9\na\xe2\x80\xa8b\nx\ry\r\n', 'latin1');
    const sending = run(['send', endpoint, '--lines'], { input });
    await using receiver = await sharedMmap.createReceiver({ endpoint });
    const lines: string[] = [];
    for await (using delivery of receiver)
      lines.push(Buffer.from(delivery.bytes).toString('latin1'));
    expect(lines).toEqual(['caf\xe9', 'a\xe2\x80\xa8b', 'x\ry']);
    expect((await sending).status).toBe(0);
  });

  test.each([[[]], [['--lines']]])(
    'ends with a signal while its input goes on, with %j',
    async (options) => {
      const endpoint = folder.fresh();
      const sending = new Running(['send', endpoint, ...options], {
        input: 'one\nand',
        keepsInput: true,
      });
      await using receiver = await sharedMmap.createReceiver({ endpoint });
      if (options.length > 0) (await receiver.receive())?.release();
      sending.kill('SIGTERM');
      expect(await sending.ended()).toEqual({ status: 143, stderr: '' });
    },
  );

  test('goes by the transport that it is told to', async () => {
    const endpoint = folder.fresh();
    const sending = run(['send', endpoint, '--transport', 'socket', '--json'], { input: 'hello' });
    await using receiver = await socketTransport.createReceiver({ endpoint });
    const delivery = await receiver.receive();
    expect(Buffer.from(delivery?.bytes ?? []).toString()).toBe('hello');
    delivery?.release();
    expect(JSON.parse((await sending).stdout)).toMatchObject({ transport: 'socket' });
  });

  test('says why it has not sent', async () => {
    const endpoint = folder.fresh();
    await using _ = await sharedMmap.createSender({ endpoint });
    const used = await run(['send', endpoint, '--text', 'hello']);
    expect(used).toMatchObject({ status: 1, stderr: expect.stringContaining('listens at') });
    const nobody = await run(['send', folder.fresh(), '--text', 'x', '--timeout', '50']);
    expect(nobody).toMatchObject({ status: 1, stderr: expect.stringContaining('0 of 1 receiver') });
    const missing = await run(['send', folder.fresh(), '/nowhere', '--receivers', '0']);
    expect(missing).toMatchObject({ status: 1, stderr: expect.stringContaining('ENOENT') });
  });
});

describe('pageferry receive', () => {
  expectNothingLeft();

  test('writes messages for programs, whatever their bytes are', async () => {
    const endpoint = folder.fresh();
    await using sender = await sharedMmap.createSender({ endpoint });
    const receiving = run(['receive', endpoint, '--json', '--count', '1']);
    await sender.waitForReceivers();
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
    await sender.send(bytes, { tag: 3 });
    const { status, stdout } = await receiving;
    expect(status).toBe(0);
    const { data, ...rest } = JSON.parse(stdout) as { data: string };
    expect(rest).toEqual({ sequence: 0, tag: 3, byteLength: 256 });
    expect(Buffer.from(data, 'base64')).toEqual(bytes);
  });

  test('puts lines behind messages, or shows them in numbers', async () => {
    const endpoint = folder.fresh();
    const sender = await sharedMmap.createSender({ endpoint });
    const receiving = [run(['receive', endpoint, '--lines']), run(['receive', endpoint, '--hex'])];
    await sender.waitForReceivers(2);
    await sender.send(Buffer.from('one'));
    await sender.send(Buffer.from('two'), { tag: 2 });
    await sender.close();
    const [lines, hex] = await Promise.all(receiving);
    expect(lines).toEqual({ status: 0, stdout: 'one\ntwo\n', stderr: '' });
    expect(hex?.stdout).toContain('#1  3 bytes  tag 2\n000000  74 77 6f ');
  });

  test('fails when the sender dies, and ends on Ctrl-C', async () => {
    const endpoint = folder.fresh();
    const sender = await sharedMmap.createSender({ endpoint });
    const [dying, interrupted] = [0, 1].map(() => new Running(['receive', endpoint]));
    await sender.waitForReceivers(2);
    interrupted?.kill('SIGINT');
    expect((await interrupted?.ended())?.status).toBe(130);
    await sender.destroy();
    expect(await dying?.ended()).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('ended without closing'),
    });
  });

  test.each(['SIGINT', 'SIGTERM'] as const)(
    'ends on %s also while its output is full',
    async (signal) => {
      const endpoint = folder.fresh();
      await using sender = await sharedMmap.createSender({ endpoint });
      const receiving = spawn(process.execPath, [COMMAND, 'receive', endpoint], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const exited = once(receiving, 'exit');
      await sender.waitForReceivers();
      await sender.send(Buffer.alloc(8 * 1024 * 1024));
      // Its output has some of the message; nobody reads the rest.
      await once(receiving.stdout, 'readable');
      receiving.kill(signal);
      expect(await exited).toEqual([128 + constants.signals[signal], null]);
      expect(sender.receivers).toEqual([]);
      receiving.stdout.destroy();
    },
  );

  test('keeps nothing of what it has written', async () => {
    const endpoint = folder.fresh();
    await using sender = await sharedMmap.createSender({ endpoint });
    const limit = '--max-old-space-size=32';
    const receiving = spawn(process.execPath, [limit, COMMAND, 'receive', endpoint], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const exited = once(receiving, 'exit');
    await sender.waitForReceivers();
    for (let count = 0; count < 300_000; count++) {
      if ((await sender.send(Buffer.from('some'))) !== 'sent') break;
    }
    await sender.close();
    expect(await exited).toEqual([0, null]);
  });

  test('ends when nobody reads its output any more', async () => {
    const endpoint = folder.fresh();
    await using sender = await sharedMmap.createSender({ endpoint });
    const receiving = new Running(['receive', endpoint, '--lines']);
    await sender.waitForReceivers();
    await sender.send(Buffer.from('one'));
    expect(await receiving.line()).toBe('one');
    receiving.stopReading();
    while ((await sender.send(Buffer.alloc(1000))) === 'sent') await new Promise(setImmediate);
    expect((await receiving.ended()).status).toBe(141);
  });
});
