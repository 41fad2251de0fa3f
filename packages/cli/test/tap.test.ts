import { sharedMmap } from '@pageferry/shared-mmap';
import { socketTransport } from '@pageferry/socket';
import { expectNothingLeft, temporaryFolder } from '@pageferry/testkit';
import { describe, expect, test, vi } from 'vitest';
import { Running, run } from './support/run.js';

vi.setConfig({ testTimeout: 60_000 });

const folder = temporaryFolder();

describe('pageferry tap', () => {
  expectNothingLeft();

  test('shows messages as they come, while they are few', async () => {
    const endpoint = folder.fresh();
    await using sender = await sharedMmap.createSender({ endpoint });
    const tap = new Running([
      'tap',
      endpoint,
      '--interval',
      '60000',
      '--count',
      '3',
      '--bytes',
      '20',
    ]);
    await sender.waitForReceivers();
    await sender.send(Buffer.from('hello, how do you do?'), { tag: 7 });
    await sender.send(new Uint8Array(0));
    await sender.send(Uint8Array.of(1, 2, 3));
    expect(await tap.line()).toBe('#0  21 bytes, the first of them  tag 7');
    expect(await tap.line()).toBe(
      '000000  68 65 6c 6c 6f 2c 20 68  6f 77 20 64 6f 20 79 6f  |hello, how do yo|',
    );
    expect(await tap.line()).toMatch(/^000010 {2}75 20 64 6f {2,}\|u do\|$/);
    expect(await tap.line()).toBe('#1  0 bytes');
    expect(await tap.line()).toBe('#2  3 bytes');
    expect(await tap.line()).toMatch(/^000000 {2}01 02 03 {2,}\|\.\.\.\|$/);
    expect(await tap.ended()).toEqual({ status: 0, stderr: '' });
  });

  test('shows some of very many, says how many there are, and leaves in between', async () => {
    const endpoint = folder.fresh();
    await using sender = await sharedMmap.createSender({ endpoint });
    await using receiver = await sharedMmap.createReceiver({ endpoint });
    let left = 0;
    sender.on('leave', () => left++);
    let stop = false;
    const sending = (async () => {
      while (!stop) {
        for (let message = 0; message < 100; message++) {
          await sender.send(Buffer.alloc(100));
          (await receiver.receive())?.release();
        }
        await new Promise(setImmediate);
      }
    })();
    const tap = new Running([
      'tap',
      endpoint,
      '--json',
      '--interval',
      '50',
      '--sample',
      '2',
      '--count',
      '6',
    ]);
    const shown: { type: string; [field: string]: unknown }[] = [];
    for (let line = await tap.line(); line !== undefined; line = await tap.line()) {
      shown.push(JSON.parse(line));
    }
    expect(await tap.ended()).toEqual({ status: 0, stderr: '' });
    stop = true;
    await sending;
    const messages = shown.filter(({ type }) => type === 'message');
    expect(messages.length).toBe(6);
    for (const message of messages) {
      expect(message).toMatchObject({ tag: 0, byteLength: 100, isCut: true });
      expect(Buffer.from(message['data'] as string, 'base64')).toEqual(Buffer.alloc(64));
    }
    const rates = shown.filter(({ type }) => type === 'rates');
    expect(rates.length).toBeGreaterThan(0);
    for (const rate of rates) {
      expect(rate['averageBytes']).toBeCloseTo(100);
      expect(rate['messagesPerSecond']).toBeGreaterThan(1);
    }
    expect(left).toBeGreaterThanOrEqual(2);
    expect(sender.receivers.length).toBe(1);
  });

  test('that is stopped holds nobody up', async () => {
    const endpoint = folder.fresh();
    await using sender = await sharedMmap.createSender({ endpoint, poolBytes: 64 * 1024 });
    const tap = new Running(['tap', endpoint, '--interval', '60000', '--sample', '1000']);
    await sender.waitForReceivers();
    tap.kill('SIGSTOP');
    // Many times what the pool has, and more than the queue.
    for (let message = 0; message < 5000; message++) {
      expect(await sender.send(Buffer.alloc(4096), { timeout: 10_000 })).toBe('sent');
    }
    tap.kill('SIGKILL');
    expect((await tap.ended()).status).toBe('SIGKILL');
  });

  test('ends in order on Ctrl-C, and when the sender closes', async () => {
    const endpoint = folder.fresh();
    const sender = await sharedMmap.createSender({ endpoint });
    const taps = [new Running(['tap', endpoint]), new Running(['tap', endpoint])] as const;
    await sender.waitForReceivers(2);
    taps[0].kill('SIGINT');
    expect((await taps[0].ended()).status).toBe(0);
    await sender.close();
    expect(await taps[1].ended()).toEqual({
      status: 0,
      stderr: 'pageferry: the sender has closed\n',
    });
  });

  test('refuses what it could hold up, unless it is told to', async () => {
    const endpoint = folder.fresh();
    await using sender = await socketTransport.createSender({ endpoint });
    const refused = await run(['tap', endpoint]);
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain('--wait');
    expect(sender.receivers.length).toBe(0);
    const tap = new Running(['tap', endpoint, '--wait', '--interval', '60000', '--count', '1']);
    await sender.waitForReceivers();
    await sender.send(Buffer.from('hello'));
    expect(await tap.line()).toBe('#0  5 bytes');
    expect((await tap.ended()).status).toBe(0);
  });

  test('finds nothing to tap where nobody is, and at a listener of channels', async () => {
    const nobody = await run(['tap', folder.fresh()]);
    expect(nobody).toMatchObject({ status: 1, stderr: expect.stringContaining('nobody listens') });
    const endpoint = folder.fresh();
    await using _ = await sharedMmap.listen({ endpoint });
    const listener = await run(['tap', endpoint]);
    expect(listener).toMatchObject({ status: 1, stderr: expect.stringContaining('listener') });
  });

  test('ends when nobody reads its output any more', async () => {
    const endpoint = folder.fresh();
    await using sender = await sharedMmap.createSender({ endpoint });
    const tap = new Running(['tap', endpoint, '--interval', '50', '--sample', '1000']);
    await sender.waitForReceivers();
    await sender.send(Buffer.from('hello'));
    expect(await tap.line()).toBe('#0  5 bytes');
    tap.stopReading();
    let isOver = false;
    const ended = tap.ended().finally(() => {
      isOver = true;
    });
    while (!isOver) {
      await sender.send(Buffer.from('hello'));
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect((await ended).status).toBe(141);
  });
});
