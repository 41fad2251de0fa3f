import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { BACKENDS, demo, demoWithout, inFolder, left } from './cli.js';

const ODD = 3 * 1024 * 1024 + 4097;

describe('demo send and demo receive', () => {
  it('meet without being told a backend', async () => {
    const content = randomBytes(ODD);
    writeFileSync(inFolder('in'), content);
    const receiving = demo('receive', '--out', inFolder('out'));
    await receiving.said('over what it chooses');
    const sending = demo('send', inFolder('in'));
    expect(await sending.ended).toMatchObject({ code: 0 });
    expect(await receiving.ended).toMatchObject({ code: 0 });
    expect(content.equals(readFileSync(inFolder('out')))).toBe(true);
    expect(left()).toEqual(['in', 'out']);
  });

  it.each(BACKENDS.filter(({ possible }) => possible))(
    'meet when only the sender is told to use $backend',
    async ({ backend }) => {
      writeFileSync(inFolder('in'), 'hello');
      const sending = demo('send', '--backend', backend, inFolder('in'));
      const { stdout, stderr } = await demo('receive', '--out', '-').ended;
      expect(stdout.toString()).toBe('hello');
      // The binding does not matter to the other side: the receiver takes its own best one.
      const mechanism = backend.replace(/-(napi|ffi)$/, '');
      expect(stderr).toContain(`Receiving over ${mechanism}`);
      expect(await sending.ended).toMatchObject({ code: 0 });
    },
  );

  it.skipIf(process.platform !== 'linux')('meet where the best backend is missing', async () => {
    writeFileSync(inFolder('in'), 'hello');
    const sending = demoWithout('shared-mmap', 'send', inFolder('in'));
    await sending.said('shared-mmap: out of order');
    const { stdout } = await demo('receive', '--out', '-').ended;
    expect(stdout.toString()).toBe('hello');
    expect(await sending.ended).toMatchObject({ code: 0 });
  });
});

describe.each(BACKENDS)('demo send and demo receive over $backend', ({ backend, possible }) => {
  const sender = (...args: string[]) => demo('send', '--backend', backend, ...args);
  const receiver = (...args: string[]) => demo('receive', '--backend', backend, ...args);

  it.skipIf(!possible).for([0, 1, 4096, ODD])('bring a file of %i bytes across', async (size) => {
    const content = randomBytes(size);
    writeFileSync(inFolder('in'), content);
    const sending = sender(inFolder('in'));
    const receiving = receiver('--out', inFolder('out'));
    expect(await sending.ended).toMatchObject({ code: 0 });
    expect(await receiving.ended).toMatchObject({ code: 0 });
    expect(content.equals(readFileSync(inFolder('out')))).toBe(true);
    expect(left()).toEqual(['in', 'out']);
  });

  it.skipIf(!possible)('meet when the sender starts first', async () => {
    writeFileSync(inFolder('in'), 'hello');
    const sending = sender(inFolder('in'));
    await sending.said('Waiting for a receiver');
    const receiving = receiver('--out', '-');
    expect((await receiving.ended).stdout.toString()).toBe('hello');
    expect(await sending.ended).toMatchObject({ code: 0 });
  });

  it.skipIf(!possible)('meet when the receiver starts first', async () => {
    writeFileSync(inFolder('in'), 'hello');
    const receiving = receiver('--out', '-');
    await receiving.said('Waiting for a sender');
    const sending = sender(inFolder('in'));
    expect((await receiving.ended).stdout.toString()).toBe('hello');
    expect(await sending.ended).toMatchObject({ code: 0 });
  });

  it.skipIf(!possible)('take a file from stdin to stdout', async () => {
    const content = randomBytes(ODD);
    const sending = sender('-');
    const receiving = receiver('--out', '-');
    sending.process.stdin.end(content);
    const { code, stdout } = await receiving.ended;
    expect(code).toBe(0);
    expect(stdout.equals(content)).toBe(true);
    expect(await sending.ended).toMatchObject({ code: 0 });
  });

  it.skipIf(!possible)('take the endpoint and the size of messages they are given', async () => {
    const content = randomBytes(50_001);
    writeFileSync(inFolder('in'), content);
    const meeting = ['--endpoint', inFolder('here')];
    const sending = sender(inFolder('in'), '--message-bytes', '1000', ...meeting);
    const receiving = receiver('--out', '-', ...meeting);
    await sending.said(inFolder('here'));
    expect((await receiving.ended).stdout.equals(content)).toBe(true);
    expect(await sending.ended).toMatchObject({ code: 0 });
  });

  it.skipIf(!possible)('hand a file on to a TCP connection', async () => {
    const content = randomBytes(ODD);
    writeFileSync(inFolder('in'), content);
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const connected = once(server, 'connection').then(([socket]) => buffer(socket as Socket));
    const sending = sender(inFolder('in'));
    const { port } = server.address() as AddressInfo;
    const receiving = receiver('--out', `tcp://127.0.0.1:${port}`);
    expect((await connected).equals(content)).toBe(true);
    expect(await receiving.ended).toMatchObject({ code: 0 });
    expect(await sending.ended).toMatchObject({ code: 0 });
    server.close();
  });

  it.skipIf(!possible)('print the digest of what they bring across', async () => {
    const content = randomBytes(ODD);
    writeFileSync(inFolder('in'), content);
    const sending = sender(inFolder('in'));
    const receiving = receiver('--sha256');
    const digest = createHash('sha256').update(content).digest('hex');
    expect((await receiving.ended).stdout.toString()).toBe(`${digest}  -\n`);
    expect(await sending.ended).toMatchObject({ code: 0 });
  });

  it.skipIf(!possible)('replace a file that is there', async () => {
    writeFileSync(inFolder('in'), 'new');
    writeFileSync(inFolder('out'), 'an older file, and a longer one');
    const sending = sender(inFolder('in'));
    const receiving = receiver('--out', inFolder('out'));
    expect(await receiving.ended).toMatchObject({ code: 0 });
    expect(await sending.ended).toMatchObject({ code: 0 });
    expect(readFileSync(inFolder('out'), 'utf8')).toBe('new');
  });

  it.skipIf(!possible)('keep the mode of a file that is there (11.31)', async () => {
    writeFileSync(inFolder('in'), 'new');
    writeFileSync(inFolder('out'), 'old');
    chmodSync(inFolder('out'), 0o751);
    const sending = sender(inFolder('in'));
    expect(await receiver('--out', inFolder('out')).ended).toMatchObject({ code: 0 });
    expect(await sending.ended).toMatchObject({ code: 0 });
    expect(readFileSync(inFolder('out'), 'utf8')).toBe('new');
    expect(statSync(inFolder('out')).mode & 0o7777).toBe(0o751);
  });

  it.skipIf(!possible).for(['old', undefined])(
    'write to where a symbolic link leads, be it there (%s) or not (11.31)',
    async (content) => {
      writeFileSync(inFolder('in'), 'new');
      mkdirSync(inFolder('folder'));
      if (content !== undefined) writeFileSync(inFolder('folder/target'), content);
      symlinkSync('folder/target', inFolder('second'));
      symlinkSync('second', inFolder('out'));
      const sending = sender(inFolder('in'));
      expect(await receiver('--out', inFolder('out')).ended).toMatchObject({ code: 0 });
      expect(await sending.ended).toMatchObject({ code: 0 });
      expect(readFileSync(inFolder('folder/target'), 'utf8')).toBe('new');
      expect(readlinkSync(inFolder('out'))).toBe('second');
      expect(left()).toEqual(['folder', 'in', 'out', 'second']);
    },
  );

  it.skipIf(!possible)('write to /dev/null, and leave it in its place', async () => {
    writeFileSync(inFolder('in'), randomBytes(ODD));
    const sending = sender(inFolder('in'));
    const receiving = receiver('--out', '/dev/null');
    expect(await receiving.ended).toMatchObject({ code: 0 });
    expect(await sending.ended).toMatchObject({ code: 0 });
    expect(left()).toEqual(['in']);
  });
});
