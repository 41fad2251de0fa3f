import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BACKENDS, demo, demoWithout, inFolder, left } from './cli.js';

const POSSIBLE = BACKENDS.filter(({ possible }) => possible).map(({ backend }) => backend);

describe('demo', () => {
  it.each([0, 1, 3 * 1024 * 1024 + 4097])('verifies %i bytes by every backend', async (size) => {
    const content = randomBytes(size);
    writeFileSync(inFolder('in'), content);
    const { code, stdout } = await demo('--json', '--file', inFolder('in')).ended;
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
      });
      expect(result.seconds).toBeGreaterThan(0);
    }
    expect(left()).toEqual(['in']);
  });

  it('sends the Node executable by default', async () => {
    const { code, stdout, stderr } = await demo('--backend', 'socket').ended;
    expect(code).toBe(0);
    expect(stderr).toContain(process.execPath);
    expect(stderr).toMatch(/^socket: .* SHA-256 verified$/m);
    expect(stdout.toString()).toMatch(/│ socket .* yes │$/m);
  });

  it('prints a table that fits 80 columns, without colors where no terminal is', async () => {
    writeFileSync(inFolder('in'), 'hello');
    const { stdout } = await demo('--file', inFolder('in')).ended;
    const lines = stdout.toString().split('\n');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(stdout.toString()).not.toContain('\x1b');
  });

  it('runs the backends that were asked for, each once', async () => {
    writeFileSync(inFolder('in'), 'hello');
    const twice = ['--backend', 'socket', '--backend', 'socket'];
    const { stdout } = await demo('--json', '--file', inFolder('in'), ...twice).ended;
    expect(JSON.parse(stdout.toString()).results).toHaveLength(1);
  });

  it('goes on without a backend that does not load, and says why', async () => {
    writeFileSync(inFolder('in'), 'hello');
    const { code, stdout, stderr } = await demoWithout('vmsplice-napi', '--file', inFolder('in'))
      .ended;
    expect(code).toBe(0);
    expect(stderr).toMatch(/^vmsplice-napi: not available: BINDING_UNAVAILABLE: .*out of order$/m);
    expect(stdout.toString()).toMatch(/│ vmsplice-napi │ not available: BINDING_UNAVAILABLE/);
    expect(stdout.toString()).toMatch(/│ socket .* yes │$/m);
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
    const { code, stdout } = await demo(...args).ended;
    expect(code).toBe(0);
    const [, chosen] = /^auto took (.+):$/m.exec(stdout.toString()) ?? [];
    expect(POSSIBLE).toContain(chosen);
    expect(stdout.toString()).toMatch(new RegExp(`│ ${chosen} .* yes │$`, 'm'));
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
    ['send without a file', ['send']],
    ['a time-out that is no number', ['send', 'file', '--timeout', 'soon']],
    ['receive without a destination', ['receive']],
    ['receive with two purposes', ['receive', '--sha256', '--out', '-']],
    ['a TCP address without a port', ['receive', '--out', 'tcp://localhost']],
  ])('exits with 2 for %s', async (_what, args) => {
    const { code, stdout, stderr } = await demo(...args).ended;
    expect(code).toBe(2);
    expect(stdout.toString()).toBe('');
    expect(stderr).toMatch(/^error: .+$/m);
  });

  it('explains itself', async () => {
    const { code, stdout } = await demo('--help').ended;
    expect(code).toBe(0);
    expect(stdout.toString()).toContain('--json');
  });

  it('accepts the two dashes that npm users type', async () => {
    writeFileSync(inFolder('in'), 'hello');
    const args = ['--json', '--file', inFolder('in'), '--backend', 'socket'];
    expect(await demo('--', ...args).ended).toMatchObject({ code: 0 });
  });
});
