import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseSize } from '../dist/options.js';
import { checkResults } from '../dist/results/schema.js';
import { compare, folder, inFolder, MAIN, start } from './compare.js';
import { sampleResults } from './sample-results.js';

const SMALL = ['--scenario', 'handoff', '--size', '64', '--runs', '1', '--quick'];

describe('a run', () => {
  it('prints JSON alone on stdout, as the schema says, and leaves three files', async () => {
    const args = [...SMALL, '--scenario', 'work', '--subject', 'socket', 'unix-socket', '--json'];
    const { code, stdout, stderr } = await compare(...args);
    expect(stderr).toContain('report.html has the plots');
    const results = checkResults(JSON.parse(stdout));
    expect(code).toBe(0);
    expect(results.results.map(({ scenario, subject }) => `${scenario} ${subject}`)).toEqual([
      'handoff socket',
      'handoff unix-socket',
      'work socket',
      'work unix-socket',
    ]);
    for (const row of results.results) {
      expect(row.runs).toBe(1);
      expect(row.gibPerSecond?.median).toBeGreaterThan(0);
      expect(row.cpuSecondsPerGib?.median).toBeGreaterThan(0);
      expect(row.peakRssBytes?.median).toBeGreaterThan(0);
      expect(row.ratioToBestNode).toBeGreaterThan(0);
      expect(row.othersShare?.median).toBeGreaterThanOrEqual(0);
      expect(row.stolenShare?.median).toBeGreaterThanOrEqual(0);
      expect(row.knobs).toMatchObject({
        receivers: 1,
        messages: expect.any(Number),
        warmUpMilliseconds: 500, // As in a full run: V8 compiles for so long.
        measureMilliseconds: 150,
      });
    }
    expect(JSON.parse(readFileSync(inFolder('compare-report/results.json'), 'utf8'))).toEqual(
      JSON.parse(stdout),
    );
    expect(readdirSync(inFolder('compare-report')).sort()).toEqual([
      'report.html',
      'results.json',
      'throughput.svg',
    ]);
  });

  it('has the quantiles of round trips in their order, also those of the programs in C', async () => {
    const subjects = ['c-shared-memory', 'c-socket', 'unix-socket'];
    const args = ['--quick', '--runs', '1', '--scenario', 'rtt', '--size', '64', '--json'];
    const { stdout } = await compare(...args, '--subject', ...subjects);
    const { results } = checkResults(JSON.parse(stdout));
    const of = (waiting: string) => results.filter(({ knobs }) => knobs['waiting'] === waiting);
    expect(of('parked').map(({ subject }) => subject)).toEqual(expect.arrayContaining(subjects));
    expect(of('spinning').map(({ subject }) => subject)).toEqual(['c-shared-memory']);
    for (const { rttNs } of results) {
      const { p50 = 0, p99 = 0, p999 = 0 } = rttNs ?? {};
      expect(p50).toBeGreaterThan(0);
      expect([p50, p99, p999]).toEqual([p50, p99, p999].sort((a, b) => a - b));
    }
  });

  it('has requests with one and with several under way, with quantiles in their order', async () => {
    const subjects = ['shared-mmap', 'unix-socket', 'worker-copy'];
    const args = ['--quick', '--scenario', 'request', '--json', '--subject', ...subjects];
    const { code, stdout } = await compare(...args);
    const { results } = checkResults(JSON.parse(stdout));
    expect(results.map(({ subject, knobs }) => `${knobs['underWay']} ${subject}`)).toEqual(
      [1, 16].flatMap((underWay) => subjects.map((subject) => `${underWay} ${subject}`)),
    );
    for (const { subject, failure, runs, rttNs, nsPerMessage, gibPerSecond } of results) {
      expect(failure, subject).toBeUndefined();
      expect(runs).toBe(1);
      const { p50 = 0, p99 = 0, p999 = 0 } = rttNs ?? {};
      expect(p50).toBeGreaterThan(0);
      expect([p50, p99, p999]).toEqual([p50, p99, p999].sort((a, b) => a - b));
      expect(nsPerMessage?.median).toBeGreaterThan(0);
      expect(gibPerSecond).toBeUndefined();
    }
    expect(code).toBe(0);
  });

  it('prints a table and words without --json, and no colors where no terminal is', async () => {
    const { code, stdout } = await compare(...SMALL, '--subject', 'unix-socket', '--out', 'here');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^64 B\nunix-socket /m);
    expect(stdout).toMatch(/^- Handing over a message of 64 B takes least with unix-socket/m);
    expect(stdout).not.toContain('\x1b');
    expect(existsSync(inFolder('here/report.html'))).toBe(true);
  });

  it('says that the C programs are not built where there is no compiler', async () => {
    const args = ['--quick', '--scenario', 'work', '--size', '4K', '--runs', '1', '--json'];
    const running = start([...args, '--subject', 'memcpy', 'c-shared-memory'], {
      CC: inFolder('no-compiler'),
    });
    const { code, stdout } = await running.ended;
    const { results, machine } = checkResults(JSON.parse(stdout));
    expect(results.map(({ failure }) => failure?.kind)).toEqual(['not built', 'not built']);
    expect(machine.compiler).toBeUndefined();
    expect(code).toBe(1);
  });

  it('goes on without a backend whose binding does not load, and says why', async () => {
    const running = start([...SMALL, '--json', '--subject', 'vmsplice-napi', 'unix-socket'], {
      PAGEFERRY_LINUX_NAPI_ADDON: inFolder('no-addon.node'),
    });
    const { results } = checkResults(JSON.parse((await running.ended).stdout));
    expect(results.find(({ subject }) => subject === 'vmsplice-napi')?.failure).toMatchObject({
      kind: 'unavailable',
      reason: expect.stringMatching(/^BINDING_UNAVAILABLE/),
    });
    expect(results.find(({ subject }) => subject === 'unix-socket')?.runs).toBe(1);
  });

  it('makes a report of earlier results without measuring', async () => {
    writeFileSync(inFolder('a.json'), JSON.stringify(sampleResults(['work'])));
    writeFileSync(inFolder('b.json'), JSON.stringify(sampleResults(['rtt'])));
    const { code, stdout } = await compare('--from', 'a.json', 'b.json', '--json');
    expect(code).toBe(0);
    const scenarios = checkResults(JSON.parse(stdout)).results.map(({ scenario }) => scenario);
    expect([...new Set(scenarios)]).toEqual(['work', 'rtt']);
  });

  it('flags what has changed since a baseline', async () => {
    const now = sampleResults(['work']);
    const then = sampleResults(['work'], 3);
    writeFileSync(inFolder('now.json'), JSON.stringify(now));
    writeFileSync(inFolder('then.json'), JSON.stringify(then));
    const { stdout } = await compare('--from', 'now.json', '--baseline', 'then.json');
    expect(stdout).toContain('Since the baseline:');
    expect(stdout).toMatch(/Slower than the noise explains/);
  });
});

describe.runIf(process.platform === 'linux')('results that cannot be written', () => {
  it('are a failure, with one line that says why (11.31)', () => {
    writeFileSync(inFolder('now.json'), JSON.stringify(sampleResults(['work'])));
    for (const args of [['--from', 'now.json', '--json'], ['--help']]) {
      const command = ['-c', '"$0" "$@" > /dev/full', process.execPath, MAIN, ...args];
      const { status, stderr } = spawnSync('sh', command, { cwd: folder });
      expect(status).toBe(1);
      expect(stderr.toString()).toMatch(/^compare: ENOSPC: .*$/m);
      expect(stderr.toString()).not.toMatch(/^ +at /m);
    }
  });
});

describe('a command line that makes no sense', () => {
  it.each([
    ['an unknown option', ['--nonsense']],
    ['an argument', ['nonsense']],
    ['an unknown scenario', ['--scenario', 'nonsense']],
    ['an unknown subject', ['--subject', 'nonsense']],
    ['a size of nothing', ['--size', '0']],
    ['a size that is too large', ['--size', '2G']],
    ['a size that is no number', ['--size', 'many']],
    ['no runs', ['--runs', '0']],
    ['--from with something to measure', ['--from', 'a.json', '--quick']],
  ])('exits with 2: %s', async (_what, args) => {
    const { code, stdout, stderr } = await compare(...args);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^error: .+$/m);
    expect(stderr).toMatch(/^Usage: compare/m);
  });

  it.each([
    ['is missing', undefined, /nowhere\.json: ENOENT/],
    ['is no JSON', '{', /nowhere\.json: .*JSON/],
    ['has another schema', '{"schema":2}', /nowhere\.json: not results of schema 1/],
  ])('exits with 1 before it measures if the baseline %s', async (_what, content, words) => {
    if (content !== undefined) writeFileSync(inFolder('nowhere.json'), content);
    const { code, stdout, stderr } = await compare('--baseline', 'nowhere.json');
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toMatch(words);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  it('explains itself', async () => {
    const { code, stdout } = await compare('--help');
    expect(code).toBe(0);
    for (const option of ['--scenario', '--subject', '--size', '--runs', '--quick', '--baseline']) {
      expect(stdout).toContain(option);
    }
    for (const choice of ['"request"', '"worker-copy"']) expect(stdout).toContain(choice);
  });
});

describe('sizes', () => {
  it.each([
    ['64', 64],
    ['4K', 4096],
    ['64KiB', 65536],
    ['1m', 1048576],
    ['1GiB', 1073741824],
  ])('%s is %i bytes', (text, bytes) => expect(parseSize(text)).toBe(bytes));
});
