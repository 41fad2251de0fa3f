import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { BACKENDS, demo, type Ended, inFolder, left, MAIN, start } from './cli.js';

/** Failed with one line that gives the code. */
function expectError(ended: Ended, code: string, status = 1) {
  expect(ended.code).toBe(status);
  expect(ended.stderr).toMatch(new RegExp(`^demo[ a-z]*: .*\\b${code}\\b.*$`, 'm'));
  expect(ended.stderr).not.toMatch(/^ +at /m);
}

describe('a file that cannot be sent', () => {
  it.each([
    ['demo', '--file'],
    ['demo send', 'send'],
  ])('is missing: %s', async (_, option) => {
    expectError(await demo(option, inFolder('nowhere')).ended, 'ENOENT');
  });

  it.each([
    ['demo', '--file'],
    ['demo send', 'send'],
  ])('is a folder: %s', async (_, option) => {
    mkdirSync(inFolder('folder'));
    expectError(await demo(option, inFolder('folder')).ended, 'EISDIR');
  });

  it.skipIf(process.getuid?.() === 0)('is not readable', async () => {
    writeFileSync(inFolder('secret'), '');
    chmodSync(inFolder('secret'), 0);
    expectError(await demo('send', inFolder('secret')).ended, 'EACCES');
    expectError(await demo('--file', inFolder('secret')).ended, 'EACCES');
  });

  it('is a folder as standard input (11.31)', async () => {
    mkdirSync(inFolder('folder'));
    const sending = start(
      {},
      'sh',
      '-c',
      '"$0" "$1" send - < "$2"',
      process.execPath,
      MAIN,
      inFolder('folder'),
    );
    expectError(await sending.ended, 'EISDIR');
  });

  it('leaves stdout empty, even with --json', async () => {
    const { stdout } = await demo('--json', '--file', inFolder('nowhere')).ended;
    expect(stdout.toString()).toBe('');
  });
});

describe('a destination that cannot be written', () => {
  it('is a folder', async () => {
    expectError(await demo('receive', '--out', inFolder('.')).ended, 'EISDIR');
  });

  it('is in a folder that is missing', async () => {
    expectError(await demo('receive', '--out', inFolder('no/file')).ended, 'ENOENT');
  });

  it('is a port where nobody listens', async () => {
    expectError(await demo('receive', '--out', 'tcp://127.0.0.1:1').ended, 'ECONNREFUSED');
  });
});

describe.each(BACKENDS)('over $backend', ({ backend, possible }) => {
  const sender = (...args: string[]) => demo('send', '--backend', backend, ...args);
  const receiver = (...args: string[]) => demo('receive', '--backend', backend, ...args);

  it.skipIf(!possible)('an endpoint path can be too long', async () => {
    writeFileSync(inFolder('in'), 'hello');
    const endpoint = inFolder('x'.repeat(120));
    const ended = [
      sender(inFolder('in'), '--endpoint', endpoint).ended,
      receiver('--out', '-', '--endpoint', endpoint).ended,
    ];
    for (const each of await Promise.all(ended)) expectError(each, 'ENDPOINT_TOO_LONG');
  });

  it.skipIf(!possible)('an endpoint can be in use, and whoever has it keeps it', async () => {
    writeFileSync(inFolder('in'), 'hello');
    const first = sender(inFolder('in'));
    await first.said('Waiting for a receiver');
    expectError(await sender(inFolder('in')).ended, 'ENDPOINT_IN_USE');
    expect((await receiver('--out', '-').ended).stdout.toString()).toBe('hello');
    expect(await first.ended).toMatchObject({ code: 0 });
  });

  it.skipIf(!possible)('an endpoint can be a file of another kind', async () => {
    writeFileSync(inFolder('in'), 'hello');
    const ended = await sender(inFolder('in'), '--endpoint', inFolder('in')).ended;
    expectError(ended, 'ENDPOINT_I(NVALID|N_USE)');
  });

  it.skipIf(!possible)('something else may be at the endpoint', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
    });
    await once(server.listen(inFolder('web')), 'listening');
    const ended = await receiver('--out', '-', '--endpoint', inFolder('web')).ended;
    server.close();
    expectError(ended, 'NOT_PAGEFERRY');
  });

  it.skipIf(process.platform !== 'linux')('a sender may use another backend', async () => {
    writeFileSync(inFolder('in'), 'hello');
    const sending = sender(inFolder('in'));
    await sending.said('Waiting for a receiver');
    const [other] = BACKENDS.filter((each) => each.backend !== backend);
    const ended = await demo('receive', '--out', '-', '--backend', `${other?.backend}`).ended;
    expectError(ended, '(TRANSPORT_MISMATCH|NOT_PAGEFERRY)');
    expect((await receiver('--out', '-').ended).stdout.toString()).toBe('hello');
    expect(await sending.ended).toMatchObject({ code: 0 });
  });

  it.skipIf(!possible)('a wait has an end', async () => {
    writeFileSync(inFolder('in'), 'hello');
    expectError(await sender(inFolder('in'), '--timeout', '0.01').ended, 'TIMEOUT');
    expectError(await receiver('--out', '-', '--timeout', '0.01').ended, 'TIMEOUT');
    expect(left()).toEqual(['in']);
  });

  it.skipIf(!possible)('a full device ends both sides', async () => {
    writeFileSync(inFolder('in'), randomBytes(8 * 1024 * 1024));
    const sending = sender(inFolder('in'));
    expectError(await receiver('--out', '/dev/full').ended, 'ENOSPC');
    expectError(await sending.ended, 'PEER_DIED');
    expect(left()).toEqual(['in']);
  });

  it.skipIf(!possible)('a full disk keeps no half of a file', async ({ skip }) => {
    mkdirSync(inFolder('small'));
    writeFileSync(inFolder('in'), randomBytes(8 * 1024 * 1024));
    // A disk of its own: a mount that only this one process sees.
    const script =
      'mount -t tmpfs -o size=1m none "$1" && echo mounted >&2 || exit 77; shift; "$@"; status=$?; ls "$0" >&2; exit $status';
    const command = [process.execPath, MAIN, 'receive', '--backend', backend];
    const receiving = start(
      {},
      'unshare',
      '-rm',
      'sh',
      '-c',
      script,
      inFolder('small'),
      inFolder('small'),
      ...command,
      '--out',
      inFolder('small/out'),
    );
    const mounted = await receiving.said('Waiting for').then(
      () => true,
      () => false,
    );
    if (!mounted) skip('this machine lets nobody mount a file system');
    const sending = sender(inFolder('in'));
    const ended = await receiving.ended;
    expectError(ended, 'ENOSPC');
    expect(ended.stderr).not.toContain('.part');
    expectError(await sending.ended, 'PEER_DIED');
  });

  it.skipIf(!possible)('a full disk is what the runner tells of (11.31)', async ({ skip }) => {
    mkdirSync(inFolder('small'));
    writeFileSync(inFolder('in'), randomBytes(8 * 1024 * 1024));
    const script =
      'mount -t tmpfs -o size=1m none "$0" && echo mounted >&2 || exit 77; TMPDIR=$0 exec "$@"';
    const runner = ['--json', '--backend', backend, '--file', inFolder('in')];
    const command = [process.execPath, MAIN, ...runner];
    const running = start({}, 'unshare', '-rm', 'sh', '-c', script, inFolder('small'), ...command);
    const ended = await running.ended;
    if (!ended.stderr.includes('mounted')) skip('this machine lets nobody mount a file system');
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(new RegExp(`^${backend}: failed: .*ENOSPC.*$`, 'm'));
  });

  it.skipIf(!possible)('a file that shrinks is no whole one (11.31)', async () => {
    writeFileSync(inFolder('in'), randomBytes(1024 * 1024));
    const sending = sender(inFolder('in'));
    await sending.said('Waiting for a receiver');
    truncateSync(inFolder('in'), 5000);
    const receiving = receiver('--out', inFolder('out'));
    expectError(await sending.ended, 'FILE_SHRANK');
    expectError(await receiving.ended, 'PEER_DIED');
    expect(left()).toEqual(['in']);
  });

  it.skipIf(!possible)('output that is closed early ends the receiver quietly', async () => {
    const receiving = receiver('--out', '-');
    const sending = sender('/dev/zero');
    await receiving.wroteSomething();
    receiving.process.stdout.destroy();
    const { code, stderr } = await receiving.ended;
    expect(code).toBe(141);
    expect(stderr).not.toContain('EPIPE');
    expectError(await sending.ended, 'PEER_DIED');
    expect(left()).toEqual([]);
  });

  it.skipIf(!possible)('a connection that is closed early is an error', async () => {
    const server = createServer((socket) => socket.once('data', () => socket.resetAndDestroy()));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const address = server.address() as { port: number };
    const receiving = receiver('--out', `tcp://127.0.0.1:${address.port}`);
    const sending = sender('/dev/zero');
    expectError(await receiving.ended, 'E(PIPE|CONNRESET)');
    expectError(await sending.ended, 'PEER_DIED');
    server.close();
  });

  it.skipIf(!possible)('the receiver says so when the sender dies', async () => {
    const receiving = receiver('--out', inFolder('out'));
    const sending = sender('-');
    sending.process.stdin.write('some bytes');
    await Promise.all([receiving.said('Receiving'), sending.said('Sending')]);
    sending.process.kill('SIGKILL');
    expectError(await receiving.ended, 'PEER_DIED');
    await sending.ended;
    expect(left().filter((name) => name.startsWith('out'))).toEqual([]);
  });

  it.skipIf(!possible)('the sender says so when the receiver dies', async () => {
    const receiving = receiver('--out', '/dev/null');
    const sending = sender('/dev/zero');
    await receiving.said('Receiving');
    receiving.process.kill('SIGKILL');
    expectError(await sending.ended, 'PEER_DIED');
    expect(left()).toEqual([]);
  });
});
