import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { McapIndexedReader, McapWriter } from '@mcap/core';
import { type Receiver, sharedMmap } from '@pageferry/shared-mmap';
import { expectNothingLeft, temporaryFolder } from '@pageferry/testkit';
import { describe, expect, test, vi } from 'vitest';
import { FlightRecorder } from '../dist/recording/flight-recorder.js';
import { Running, run } from './support/run.js';

vi.setConfig({ testTimeout: 60_000 });

const folder = temporaryFolder();
const KILLED = fileURLToPath(new URL('support/killed-sender.mjs', import.meta.url));

/** A file as other programs read it: by its index. */
async function read(path: string) {
  const bytes = readFileSync(path);
  const reader = await McapIndexedReader.Initialize({
    readable: {
      size: async () => BigInt(bytes.length),
      read: async (offset, length) =>
        new Uint8Array(bytes.subarray(Number(offset), Number(offset + length))),
    },
  });
  const messages: { topic: string; encoding: string; sequence: number; text: string }[] = [];
  for await (const { channelId, sequence, data } of reader.readMessages()) {
    const channel = reader.channelsById.get(channelId);
    const { topic = '', messageEncoding: encoding = '' } = channel ?? {};
    messages.push({ topic, encoding, sequence, text: Buffer.from(data).toString() });
  }
  const metadata: Record<string, string>[] = [];
  for await (const { metadata: facts } of reader.readMetadata()) {
    metadata.push(Object.fromEntries(facts));
  }
  return { messages, metadata };
}

async function texts(receiver: Receiver): Promise<[text: string, tag: number][]> {
  const found: [string, number][] = [];
  for await (const delivery of receiver) {
    found.push([Buffer.from(delivery.bytes).toString(), delivery.tag]);
    delivery.release();
  }
  return found;
}

/** A file with these messages, that come so many milliseconds after the first. */
async function recording(
  messages: readonly (readonly [topic: string, at: number])[],
): Promise<string> {
  const parts: Uint8Array[] = [];
  let position = 0n;
  const writer = new McapWriter({
    writable: {
      position: () => position,
      write: async (bytes) => {
        parts.push(Uint8Array.from(bytes));
        position += BigInt(bytes.length);
      },
    },
  });
  await writer.start({ profile: '', library: 'test' });
  const channels = new Map<string, number>();
  for (const [sequence, [topic, at]] of messages.entries()) {
    const channelId =
      channels.get(topic) ??
      (await writer.registerChannel({
        schemaId: 0,
        topic,
        messageEncoding: '',
        metadata: new Map(),
      }));
    channels.set(topic, channelId);
    const logTime = 1_700_000_000_000_000_000n + BigInt(at) * 1_000_000n;
    const data = Buffer.from(`${topic} ${sequence}`);
    await writer.addMessage({ channelId, sequence, logTime, publishTime: logTime, data });
  }
  await writer.end();
  const path = folder.fresh();
  writeFileSync(path, Buffer.concat(parts));
  return path;
}

describe('pageferry record', () => {
  expectNothingLeft();

  test('writes what other programs can open, and what replay sends again', async () => {
    const endpoint = folder.fresh();
    const out = folder.fresh();
    const sender = await sharedMmap.createSender({ endpoint });
    const recordingAll = run(['record', endpoint, '--out', out, '--json']);
    await sender.waitForReceivers();
    await sender.send(Buffer.from('one'));
    await sender.send(Buffer.from('two'), { tag: 7 });
    await sender.send(new Uint8Array(0));
    await sender.close();
    const { status, stdout, stderr } = await recordingAll;
    expect([status, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toEqual({ out, end: 'end', messages: 3, missed: 0 });
    const encoding = 'application/octet-stream';
    const { messages, metadata } = await read(out);
    expect(messages).toEqual([
      { topic: endpoint, encoding, sequence: 0, text: 'one' },
      { topic: `${endpoint}/tags`, encoding: 'json', sequence: 1, text: '{"sequence":1,"tag":7}' },
      { topic: endpoint, encoding, sequence: 1, text: 'two' },
      { topic: endpoint, encoding, sequence: 2, text: '' },
    ]);
    expect(metadata).toEqual([{ transport: 'shared-mmap', missed: '0', end: 'end' }]);

    const again = folder.fresh();
    const replaying = run(['replay', out, again, '--json']);
    await using receiver = await sharedMmap.createReceiver({ endpoint: again });
    expect(await texts(receiver)).toEqual([
      ['one', 0],
      ['two', 7],
      ['', 0],
    ]);
    const sent = JSON.parse((await replaying).stdout);
    expect(sent).toEqual({ messagesSent: 3, bytesSent: 6, unheard: 0 });
  });

  test('keeps the tag of the first message, before which its topic has no name', async () => {
    const endpoint = folder.fresh();
    const out = folder.fresh();
    const sender = await sharedMmap.createSender({ endpoint });
    const recordingAll = run(['record', endpoint, '--out', out]);
    await sender.waitForReceivers();
    await sender.send(Buffer.from('one'), { tag: 5 });
    await sender.send(Buffer.from('two'), { tag: 6 });
    await sender.close();
    expect((await recordingAll).status).toBe(0);
    const again = folder.fresh();
    const replaying = run(['replay', out, again]);
    await using receiver = await sharedMmap.createReceiver({ endpoint: again });
    expect(await texts(receiver)).toEqual([
      ['one', 5],
      ['two', 6],
    ]);
    expect((await replaying).status).toBe(0);
  });

  test('ends in order on Ctrl-C and after so many messages, and does not write over a file', async () => {
    const endpoint = folder.fresh();
    await using sender = await sharedMmap.createSender({ endpoint });
    const [first, second] = [folder.fresh(), folder.fresh()];
    const counted = new Running(['record', endpoint, '--out', first, '--count', '1']);
    const interrupted = new Running(['record', endpoint, '--out', second]);
    await sender.waitForReceivers(2);
    await sender.send(Buffer.from('one'));
    expect((await counted.ended()).status).toBe(0);
    await sender.flush();
    interrupted.kill('SIGINT');
    expect(await interrupted.ended()).toMatchObject({
      status: 0,
      stderr: expect.stringContaining('1 messages in'),
    });
    for (const path of [first, second]) expect((await read(path)).messages.length).toBe(1);
    const there = await run(['record', endpoint, '--out', first]);
    expect(there).toMatchObject({ status: 3, stderr: expect.stringContaining('--force') });
    const nowhere = await run(['record', endpoint, '--out', '/nowhere/at/all']);
    expect(nowhere).toMatchObject({ status: 3, stderr: expect.stringContaining('ENOENT') });
  });

  test('says so where the disk is full', async () => {
    const endpoint = folder.fresh();
    await using sender = await sharedMmap.createSender({ endpoint });
    const full = new Running(['record', endpoint, '--out', '/dev/full', '--force']);
    await sender.waitForReceivers().catch(() => undefined);
    expect(await full.ended()).toMatchObject({
      status: 3,
      stderr: expect.stringContaining('ENOSPC'),
    });
  });
});

describe('a flight recorder', () => {
  expectNothingLeft();

  test('writes nothing while nothing happens', async () => {
    const endpoint = folder.fresh();
    const out = folder.fresh();
    const sender = await sharedMmap.createSender({ endpoint });
    const flight = new Running(['record', endpoint, '--out', out, '--last', '5', '--on', 'death']);
    await sender.waitForReceivers();
    for (let message = 0; message < 20; message++) await sender.send(Buffer.from(`${message}`));
    await sender.close();
    expect(await flight.ended()).toMatchObject({
      status: 0,
      stderr: expect.stringContaining('nothing is written'),
    });
    expect(existsSync(out)).toBe(false);
  });

  test('has the last messages of a sender that was killed, also what it had left in memory', async () => {
    const endpoint = folder.fresh();
    const out = folder.fresh();
    const sender = spawn(process.execPath, [KILLED, endpoint], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const lines = createInterface({ input: sender.stdout })[Symbol.asyncIterator]();
    expect((await lines.next()).value).toBe('listening');
    const flight = new Running([
      'record',
      endpoint,
      '--out',
      out,
      '--last',
      '300',
      '--on',
      'death',
    ]);
    expect((await lines.next()).value).toBe('joined');
    // It has taken nothing of what comes now: the sender is dead before it goes on.
    flight.kill('SIGSTOP');
    const dead = once(sender, 'close');
    sender.stdin.write('go\n');
    expect((await dead)[1]).toBe('SIGKILL');
    flight.kill('SIGCONT');
    expect(await flight.ended()).toMatchObject({
      status: 0,
      stderr: expect.stringContaining('the sender has died: 300 messages'),
    });
    const { messages, metadata } = await read(out);
    expect(messages.map(({ text }) => text)).toEqual(
      Array.from({ length: 300 }, (_, index) => `message ${index + 200}`),
    );
    expect(metadata).toMatchObject([{ end: 'death' }]);
  });

  test('notices that nothing comes any more', async () => {
    const endpoint = folder.fresh();
    const out = folder.fresh();
    await using sender = await sharedMmap.createSender({ endpoint });
    const flight = new Running([
      'record',
      endpoint,
      '-o',
      out,
      '--last',
      '2',
      '--on',
      'stall',
      '--stall-after',
      '100',
    ]);
    await sender.waitForReceivers();
    for (let message = 0; message < 5; message++) await sender.send(Buffer.from(`${message}`));
    expect((await flight.ended()).status).toBe(0);
    expect((await read(out)).messages.map(({ text }) => text)).toEqual(['3', '4']);
  });

  test('keeps as many messages as it may, and as many bytes', () => {
    const recorder = new FlightRecorder(3, 100);
    const add = (sequence: number, length: number) =>
      recorder.add({ sequence, tag: 0, time: 0n, bytes: new Uint8Array(length) });
    const kept = () => recorder.messages().map(({ sequence }) => sequence);
    for (let message = 0; message < 1000; message++) add(message, 1);
    expect([recorder.count, kept()]).toEqual([3, [997, 998, 999]]);
    add(1000, 99);
    expect(kept()).toEqual([999, 1000]);
    add(1001, 1000);
    expect(kept()).toEqual([1001]);
    add(1002, 1);
    expect(kept()).toEqual([1002]);
  });
});

describe('pageferry replay', () => {
  expectNothingLeft();

  test('keeps the pace, or goes faster', async () => {
    const path = await recording([
      ['a', 0],
      ['a', 400],
      ['a', 800],
    ]);
    const timesOf = async (...args: string[]): Promise<number> => {
      const endpoint = folder.fresh();
      const replaying = run(['replay', path, endpoint, ...args]);
      await using receiver = await sharedMmap.createReceiver({ endpoint });
      const times: number[] = [];
      for await (const delivery of receiver) {
        times.push(performance.now());
        delivery.release();
      }
      expect((await replaying).status).toBe(0);
      expect(times.length).toBe(3);
      return (times[2] as number) - (times[0] as number);
    };
    // No message is ever early; how late one is, is the machine's affair. So only the lower limit can be told.
    expect(await timesOf()).toBeGreaterThan(600);
    expect(await timesOf('--speed', '2')).toBeGreaterThan(200);
    const long = await recording([
      ['a', 0],
      ['a', 3_600_000],
      ['a', 7_200_000],
    ]);
    const endpoint = folder.fresh();
    const replaying = run(['replay', long, endpoint, '--speed', '0']);
    await using receiver = await sharedMmap.createReceiver({ endpoint });
    expect(await texts(receiver)).toEqual([
      ['a 0', 0],
      ['a 1', 0],
      ['a 2', 0],
    ]);
    expect((await replaying).status).toBe(0);
  });

  test('begins again and again until Ctrl-C', async () => {
    const path = await recording([
      ['a', 0],
      ['a', 1],
    ]);
    const endpoint = folder.fresh();
    const replaying = new Running(['replay', path, endpoint, '--loop']);
    await using receiver = await sharedMmap.createReceiver({ endpoint });
    for (let message = 0; message < 10; message++) {
      const delivery = await receiver.receive();
      expect(Buffer.from(delivery?.bytes ?? []).toString()).toBe(`a ${message % 2}`);
      delivery?.release();
    }
    replaying.kill('SIGINT');
    expect((await replaying.ended()).status).toBe(0);
  });

  test('wants to know which topic', async () => {
    const path = await recording([
      ['a', 0],
      ['b', 0],
      ['a', 0],
    ]);
    const endpoint = folder.fresh();
    const unclear = await run(['replay', path, endpoint]);
    expect(unclear).toMatchObject({ status: 2, stderr: expect.stringContaining('a, b') });
    const unknown = await run(['replay', path, endpoint, '--topic', 'c']);
    expect(unknown).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('no messages of c'),
    });
    const replaying = run(['replay', path, endpoint, '--topic', 'b']);
    await using receiver = await sharedMmap.createReceiver({ endpoint });
    expect(await texts(receiver)).toEqual([['b 1', 0]]);
    expect((await replaying).status).toBe(0);
  });

  test('sends what there is of a file that was cut off, and says what is none', async () => {
    const path = await recording([
      ['a', 0],
      ['a', 0],
    ]);
    truncateSync(path, readFileSync(path).length - 20);
    const endpoint = folder.fresh();
    const replaying = run(['replay', path, endpoint]);
    await using receiver = await sharedMmap.createReceiver({ endpoint });
    expect((await texts(receiver)).length).toBe(2);
    expect((await replaying).status).toBe(0);
    const other = folder.fresh();
    writeFileSync(other, 'this is no recording at all, but it is long enough');
    const foreign = await run(['replay', other, endpoint]);
    expect(foreign).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('cannot be read as MCAP'),
    });
    const missing = await run(['replay', folder.fresh(), endpoint]);
    expect(missing).toMatchObject({ status: 1, stderr: expect.stringContaining('ENOENT') });
  });
});
