import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { freePort, hasNatsServer, NatsServer, whyNoTwoHosts } from '@pageferry/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { demo, inFolder, left, MAIN, once, start } from './cli.js';

const ODD = 3 * 1024 * 1024 + 4097;
const noHosts = hasNatsServer ? await whyNoTwoHosts() : 'there is no nats-server';

describe.skipIf(!hasNatsServer)('demo --across nats', () => {
  it.each([0, ODD])('verifies %i bytes, and leaves nothing', async (size) => {
    const content = randomBytes(size);
    writeFileSync(inFolder('in'), content);
    const { code, stdout } = await once('--across', 'nats', '--json', '--file', inFolder('in'))
      .ended;
    expect(code).toBe(0);
    const { results } = JSON.parse(stdout.toString());
    expect(results).toEqual([
      expect.objectContaining({
        backend: 'nats',
        bytes: size,
        userSpaceCopies: null,
        sha256: createHash('sha256').update(content).digest('hex'),
        verified: true,
      }),
    ]);
    expect(left()).toEqual(['in']);
  });

  it.skipIf(noHosts !== undefined)('says between which hosts', async () => {
    writeFileSync(inFolder('in'), 'hello');
    const { stdout, stderr } = await once('--across', 'nats', '--file', inFolder('in')).ended;
    expect(stderr).toMatch(/^Bringing .* from one host to another$/m);
    expect(stderr).toMatch(/^nats: 5 B in .*, SHA-256 verified/m);
    expect(stdout.toString()).toMatch(/│ nats .* - │ +yes │/m);
    expect(stdout.toString()).toMatch(/two network namespaces, 192\.0\.2\.1/);
    expect(stdout.toString()).toMatch(/The\s+link:/);
  });

  it('uses loopback where hosts cannot be made, and says so', async () => {
    writeFileSync(inFolder('in'), 'hello');
    // Nothing that is needed is found, but the server.
    writeFileSync(inFolder('unshare'), '#!/bin/sh\necho "nobody may do that" >&2; exit 1\n', {
      mode: 0o755,
    });
    const env = { PATH: `${inFolder('.')}:${process.env['PATH']}` };
    const args = ['--rounds', '1', '--across', 'nats', '--file', inFolder('in')];
    const { code, stdout } = await start(env, process.execPath, MAIN, ...args).ended;
    expect(code).toBe(0);
    const text = stdout.toString().replace(/\s+/g, ' ');
    expect(text).toContain(
      'over loopback, because two hosts cannot be made here: nobody may do that',
    );
  });

  it('ends early, and leaves nothing', async () => {
    writeFileSync(inFolder('in'), randomBytes(ODD));
    const running = demo('--rounds', '1000', '--across', 'nats', '--file', inFolder('in'));
    await running.said('Bringing');
    running.process.kill('SIGINT');
    expect(await running.ended).toMatchObject({ code: 130 });
    expect(left()).toEqual(['in']);
  });
});

describe.skipIf(!hasNatsServer)('through a server that runs already', () => {
  let server: NatsServer;
  beforeAll(async () => {
    server = await NatsServer.start();
  });
  afterAll(() => server?.remove());

  it('the demo brings its file', async () => {
    writeFileSync(inFolder('in'), randomBytes(ODD));
    const words = ['--across', 'nats', '--servers', server.url, '--file', inFolder('in')];
    const { code, stdout } = await once(...words).ended;
    expect(code).toBe(0);
    expect(stdout.toString()).toContain(`the server is elsewhere: ${server.url}`);
  });

  it('a sender and a receiver meet, whoever comes first', async () => {
    const content = randomBytes(ODD);
    writeFileSync(inFolder('in'), content);
    const meeting = ['--across', 'nats', '--servers', server.url, '--endpoint', 'demo.test'];
    const receiving = demo('receive', ...meeting, '--out', inFolder('out'));
    await receiving.said('Waiting for a sender at nats:demo.test, over nats');
    const sent = await demo('send', ...meeting, inFolder('in')).ended;
    expect(sent).toMatchObject({ code: 0 });
    expect(sent.stderr).toMatch(/^Sent .*, copied 2 times in user memory here \(publish\)$/m);
    expect(await receiving.ended).toMatchObject({ code: 0 });
    expect(content.equals(readFileSync(inFolder('out')))).toBe(true);
  });

  it('which nobody listens at is an error with its code', async () => {
    const servers = ['--servers', `127.0.0.1:${await freePort()}`];
    writeFileSync(inFolder('in'), 'hello');
    const { code, stderr } = await once('--across', 'nats', ...servers, '--file', inFolder('in'))
      .ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/^nats: failed: SYSTEM_CALL_FAILED: .*connection refused/m);
  });
});

describe('without a server', () => {
  it('that can be started, the demo says what to install', async () => {
    writeFileSync(inFolder('in'), 'hello');
    const args = ['--across', 'nats', '--file', inFolder('in')];
    const { code, stderr } = await start({ PATH: '' }, process.execPath, MAIN, ...args).ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/^demo: NOT_INSTALLED: .*apt-get install nats-server/m);
  });

  it.each([
    ['--servers', 'a:1'],
    ['send', 'x', '--servers', 'a:1'],
    ['--across', 'nats', '--backend', 'socket'],
    ['--across', 'pigeons'],
    ['--across', 'nats', '--servers', ','],
  ])('and with options that make no sense it exits with 2: %s', async (...args) => {
    expect((await demo(...args).ended).code).toBe(2);
  });
});
