import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, writeFileSync } from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { BackendChoice } from '../dist/backends.js';
import type { Progress } from '../dist/progress.js';
import type { Transfer } from '../dist/report.js';
import { median, run } from '../dist/run.js';
import {
  BACKENDS,
  demo,
  demoWithout,
  demoWithoutChannels,
  folder,
  inFolder,
  left,
  MAIN,
  once,
  start,
} from './cli.js';

const POSSIBLE = BACKENDS.filter(({ possible }) => possible).map(({ backend }) => backend);

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('demo', () => {
  it.each([0, 1, 3 * 1024 * 1024 + 4097])('verifies %i bytes by every backend', async (size) => {
    const content = randomBytes(size);
    writeFileSync(inFolder('in'), content);
    const { code, stdout } = await once('--json', '--file', inFolder('in')).ended;
    expect(code).toBe(0);
    const { results, ...rest } = JSON.parse(stdout.toString());
    expect(rest).toEqual({});
    expect(results.map((result: { backend: string }) => result.backend).sort()).toEqual(
      [...POSSIBLE].sort(),
    );
    for (const result of results) {
      expect(result).toEqual({
        backend: expect.any(String),
        bytes: size,
        seconds: expect.any(Number),
        gibPerSecond: expect.any(Number),
        cpuSecondsPerGib: expect.any(Number),
        userSpaceCopies: expect.any(Number),
        sha256: createHash('sha256').update(content).digest('hex'),
        verified: true,
        roundTripMicroseconds: expect.any(Number),
      });
      expect(result.seconds).toBeGreaterThan(0);
      expect(result.roundTripMicroseconds).toBeGreaterThan(0);
    }
    expect(left()).toEqual(['in']);
  });

  it('sends the Node executable by default', async () => {
    const { code, stdout, stderr } = await once('--backend', 'socket').ended;
    expect(code).toBe(0);
    expect(stderr).toContain(process.execPath);
    expect(stderr).toMatch(/^socket: .* SHA-256 verified, round trip .*$/m);
    expect(stdout.toString()).toMatch(/│ socket .* yes │ .* │$/m);
  });

  it('prints a table that fits 80 columns, without colors where no terminal is', async () => {
    writeFileSync(inFolder('in'), 'hello');
    const { stdout } = await once('--file', inFolder('in')).ended;
    const lines = stdout.toString().split('\n');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(stdout.toString()).not.toContain('\x1b');
    expect(stdout.toString()).toMatch(/^Medians, after one round for warming up\./m);
    expect(stdout.toString()).toMatch(/Most of it goes into/);
  });

  it('shows how long a question takes', async () => {
    writeFileSync(inFolder('in'), 'hello');
    const { stdout, stderr } = await once('--file', inFolder('in')).ended;
    for (const backend of POSSIBLE) {
      expect(stdout.toString()).toMatch(new RegExp(`│ ${backend} .* │ +[\\d.]+ │$`, 'm'));
      expect(stderr).toMatch(new RegExp(`^${backend}: .*, round trip [\\d.]+ µs$`, 'm'));
    }
    expect(stdout.toString()).not.toContain('no round trip');
  });

  it('says why no question can be asked, and that is no failure', async () => {
    writeFileSync(inFolder('in'), 'hello');
    const options = ['--rounds', '1', '--backend', 'socket', '--file', inFolder('in')];
    const { code, stdout } = await demoWithoutChannels(...options).ended;
    expect(code).toBe(0);
    expect(stdout.toString()).toMatch(/│ socket .* yes │ +- │$/m);
    expect(stdout.toString()).toMatch(/^socket: no round trip: NOT_SUPPORTED: no channels$/m);
  });

  it('ends in the middle of questions', async () => {
    vi.stubEnv('TMPDIR', folder);
    writeFileSync(inFolder('in'), 'hello');
    const controller = new AbortController();
    const interrupting = (_backend: BackendChoice, step: string): Progress => ({
      note() {},
      start() {},
      moved: () => step === 'round trips' && controller.abort(new Error('enough')),
      stop() {},
    });
    const backends = POSSIBLE as BackendChoice[];
    const given = { file: inFolder('in'), backends, messageBytes: 4096, rounds: 1 };
    await expect(run(given, interrupting, controller.signal)).rejects.toThrow('enough');
    expect(left()).toEqual(['in']);
  });

  it('runs the backends that were asked for, each once', async () => {
    writeFileSync(inFolder('in'), 'hello');
    const twice = ['--backend', 'socket', '--backend', 'socket'];
    const { stdout } = await once('--json', '--file', inFolder('in'), ...twice).ended;
    expect(JSON.parse(stdout.toString()).results).toHaveLength(1);
  });

  it('goes on without a backend that does not load, and says why', async () => {
    writeFileSync(inFolder('in'), 'hello');
    const { code, stdout, stderr } = await demoWithout('vmsplice-napi', '--file', inFolder('in'))
      .ended;
    expect(code).toBe(0);
    expect(stderr).toMatch(/^vmsplice-napi: not available: BINDING_UNAVAILABLE: .*out of order$/m);
    expect(stdout.toString()).toMatch(/│ vmsplice-napi │ not available: BINDING_UNAVAILABLE/);
    expect(stdout.toString()).toMatch(/│ socket .* yes │ .* │$/m);
  });

  it('fails without a backend that was asked for', async () => {
    writeFileSync(inFolder('in'), 'hello');
    const args = ['--json', '--file', inFolder('in'), '--backend', 'vmsplice-napi'];
    const ended = await demoWithout('vmsplice-napi', ...args).ended;
    expect(ended).toMatchObject({ code: 1, stderr: expect.stringContaining('out of order') });
    expect(JSON.parse(ended.stdout.toString())).toEqual({ results: [] });
  });

  it('chooses the best backend itself when asked to, and says why', async () => {
    writeFileSync(inFolder('in'), 'hello');
    const args = ['--file', inFolder('in'), '--backend', 'auto'];
    const { code, stdout } = await once(...args).ended;
    expect(code).toBe(0);
    const [, chosen] = /^auto took (.+):$/m.exec(stdout.toString()) ?? [];
    expect(POSSIBLE).toContain(chosen);
    expect(stdout.toString()).toMatch(new RegExp(`│ ${chosen} .* yes │ .* │$`, 'm'));
    expect(stdout.toString()).toMatch(new RegExp(`^  ${chosen}: .+$`, 'm'));
  });

  it('chooses another backend where the best one does not load', async () => {
    writeFileSync(inFolder('in'), 'hello');
    const args = ['--file', inFolder('in'), '--backend', 'auto'];
    const { code, stdout } = await demoWithout('shared-mmap', ...args).ended;
    expect(code).toBe(0);
    expect(stdout.toString()).not.toMatch(/^auto took shared-mmap:$/m);
    if (process.platform === 'linux') expect(stdout.toString()).toContain('out of order');
  });

  it.each([
    ['an unknown option', ['--nonsense']],
    ['an unknown backend', ['--backend', 'nonsense']],
    ['an unknown command', ['nonsense']],
    ['a message of no bytes', ['--message-bytes', '0']],
    ['a message of no size', ['--message-bytes', '64X']],
    ['send without a file', ['send']],
    ['a time-out that is no number', ['send', 'file', '--timeout', 'soon']],
    ['receive without a destination', ['receive']],
    ['receive with two purposes', ['receive', '--sha256', '--out', '-']],
    ['a second file (11.31)', ['send', 'one', 'two']],
    ['a word behind receive (11.31)', ['receive', '--sha256', 'word']],
    ['an unknown option of receive (11.31)', ['receive', '--sha256', '--nonsense']],
    ['an option that would do nothing (11.31)', ['--json', 'send', 'file']],
    ['no rounds (11.31)', ['--rounds', '0']],
    ['a TCP address without a port', ['receive', '--out', 'tcp://localhost']],
  ])('exits with 2 for %s', async (_what, args) => {
    const { code, stdout, stderr } = await demo(...args).ended;
    expect(code).toBe(2);
    expect(stdout.toString()).toBe('');
    expect(stderr).toMatch(/^error: .+\n(.+\n)?\(see --help\)\n$/); // And not all of the help.
  });

  it('suggests the command that was meant', async () => {
    const { stderr } = await demo('recieve').ended;
    expect(stderr).toContain('(Did you mean receive?)');
  });

  it('says nothing of bringing a file that is not there', async () => {
    const { stderr } = await demo('--file', inFolder('nowhere')).ended;
    expect(stderr).not.toContain('Bringing');
  });

  it('takes the size of messages with a unit', async () => {
    writeFileSync(inFolder('in'), Buffer.alloc(100_000));
    const args = ['--file', inFolder('in'), '--backend', 'socket', '--message-bytes', '64k'];
    expect(await once(...args).ended).toMatchObject({ code: 0 });
  });

  const obstacle = process.getuid?.() === 0 ? '' : ' (not here: it needs root)';

  it.skipIf(obstacle !== '')(
    `works for a user without a name${obstacle} (11.31)`,
    async ({ skip }) => {
      chmodSync(folder, 0o777);
      writeFileSync(inFolder('in'), 'hello');
      const nameless = (...args: string[]) =>
        start({}, 'setpriv', '--reuid=54321', '--regid=54321', '--clear-groups', ...args);
      const readable = await nameless('test', '-r', MAIN).ended;
      if (readable.code !== 0) skip('another user cannot read this folder');
      const help = await nameless(process.execPath, MAIN, '--help').ended;
      expect(help).toMatchObject({ code: 0, stderr: '' });
      const args = ['--rounds', '1', '--json', '--backend', 'socket', '--file', inFolder('in')];
      expect(await nameless(process.execPath, MAIN, ...args).ended).toMatchObject({ code: 0 });
    },
  );

  it.skipIf(process.platform !== 'linux')('fails when stdout is full (11.31)', async () => {
    writeFileSync(inFolder('in'), 'hello');
    const runner = ['--rounds', '1', '--json', '--backend', 'socket', '--file', inFolder('in')];
    for (const args of [runner, ['--help']]) {
      const full = start({}, 'sh', '-c', '"$0" "$@" > /dev/full', process.execPath, MAIN, ...args);
      const { code, stderr } = await full.ended;
      expect(code).toBe(1);
      expect(stderr).toMatch(/^demo: ENOSPC: .*$/m);
    }
  });

  it.skipIf(process.platform === 'win32')('ends quietly when nobody reads (11.31)', async () => {
    writeFileSync(inFolder('in'), 'hello');
    const running = once('--json', '--backend', 'socket', '--file', inFolder('in'));
    running.process.stdout.destroy();
    const { code, stderr } = await running.ended;
    expect(code).toBe(141);
    expect(stderr).not.toMatch(/EPIPE|^ +at /m);
  });

  it.skipIf(process.platform !== 'linux')(
    'prints no table that wraps (11.31)',
    async ({ skip }) => {
      writeFileSync(inFolder('in'), 'hello');
      const run = `'${process.execPath}' '${MAIN}' --rounds 1 --backend shared-mmap socket --file '${inFolder('in')}' 2> /dev/null`;
      const on = (columns: number) =>
        start(
          { NO_COLOR: '1', TERM: 'xterm' },
          'script',
          '-qec',
          `stty cols ${columns}; ${run}`,
          '/dev/null',
        );
      if ((await start({}, 'script', '--version').ended).code !== 0) skip('there is no script(1)');
      for (const columns of [60, 40]) {
        const { code, stdout } = await on(columns).ended;
        const lines = stdout.toString().split('\r\n');
        expect(code).toBe(0);
        expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns);
        expect(lines).toEqual(expect.arrayContaining(['socket', 'shared-mmap']));
        expect(stdout.toString().match(/verified:\s+yes/g)).toHaveLength(2);
        expect(stdout.toString().match(/round trip: [\d.]+ µs\r/g)).toHaveLength(2);
      }
    },
  );

  it('warms up, and tells the median of interleaved rounds (11.31)', async () => {
    writeFileSync(inFolder('in'), 'hello');
    const names = ['socket', 'shared-mmap'].filter((name) => POSSIBLE.includes(name));
    const order: string[] = [];
    const passing = (backend: BackendChoice, step: string): Progress => ({
      note() {},
      start: () => void order.push(`${backend} ${step}`),
      moved() {},
      stop() {},
    });
    const { signal } = new AbortController();
    const given = { file: inFolder('in'), backends: names as BackendChoice[], messageBytes: 4096 };
    const outcomes = await run({ ...given, rounds: 2 }, passing, signal);
    const steps = ['warming up', 'round 1 of 2', 'round 2 of 2', 'round trips'];
    expect(order).toEqual(steps.flatMap((step) => names.map((name) => `${name} ${step}`)));
    expect(outcomes).toEqual(
      names.map((backend) => expect.objectContaining({ backend, verified: true })),
    );
  });

  it.each([
    [[3, 1, 2], 2],
    [[5], 5],
    [[4, 1], 1],
  ])('takes of %j seconds the middle (11.31)', (seconds, expected) => {
    const results = seconds.map((each) => ({ seconds: each, verified: true }) as Transfer);
    expect(median(results)).toMatchObject({ seconds: expected });
    const bad = { seconds: 9, verified: false } as Transfer;
    expect(median([...results, bad])).toBe(bad);
  });

  it('explains itself', async () => {
    const { code, stdout } = await demo('--help').ended;
    expect(code).toBe(0);
    expect(stdout.toString()).toContain('--json');
  });

  it('accepts the two dashes that npm users type', async () => {
    writeFileSync(inFolder('in'), 'hello');
    const args = ['--json', '--file', inFolder('in'), '--backend', 'socket'];
    expect(await demo('--', '--rounds', '1', ...args).ended).toMatchObject({ code: 0 });
  });
});
