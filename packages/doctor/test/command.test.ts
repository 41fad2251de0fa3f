import { spawnSync } from 'node:child_process';
import { hasZeroCopy, type Report } from '@pageferry/doctor';
import { describe, expect, test, vi } from 'vitest';
import { DOCTOR, runNode } from './support/run.js';

vi.setConfig({ testTimeout: 30_000 });

const ESCAPE = '\u001b';
const hasScript = spawnSync('script', ['--version']).status === 0;

/** What the doctor prints on a terminal of its own, which script(1) makes. */
function onTerminal(given: NodeJS.ProcessEnv, columns = 80): string {
  const { NO_COLOR, FORCE_COLOR, CI, ...inherited } = process.env;
  const env = { ...inherited, TERM: 'xterm-256color', ...given };
  const command = `stty cols ${columns}; '${process.execPath}' '${DOCTOR}'`;
  return spawnSync('script', ['-qec', command, '/dev/null'], { env }).stdout.toString();
}

describe('pageferry-doctor', () => {
  test('prints the report as JSON, alone on stdout', async () => {
    const { code, stdout } = await runNode(DOCTOR, ['--json']);
    const report = JSON.parse(stdout) as Report;
    expect(report).toMatchObject({
      schema: 1,
      kernel: expect.any(String),
      node: process.version,
      recommended: expect.any(String),
    });
    expect(report.probes).toHaveLength(12);
    for (const { hop, result, evidence } of report.probes) {
      expect(hop).toMatch(/^[a-z-]+$/);
      expect(['references', 'copies', 'unavailable']).toContain(result);
      expect(evidence).not.toBe('');
    }
    for (const backend of report.backends) {
      expect(backend).toMatchObject({
        name: expect.any(String),
        usable: expect.any(Boolean),
        zeroCopySend: expect.any(Boolean),
        zeroCopyReceive: expect.any(Boolean),
      });
      if (!backend.usable) expect(backend.reason).toEqual(expect.any(String));
    }
    expect(report.backends.map(({ name }) => name)).toContain(report.recommended);
    expect(code).toBe(hasZeroCopy(report) ? 0 : 1);
  });

  test('prints tables that fit 80 columns, without colors where no terminal is', async () => {
    const { stdout } = await runNode(DOCTOR, []);
    const widest = Math.max(...stdout.split('\n').map((line) => line.length));
    expect(widest).toBeLessThanOrEqual(80);
    expect(stdout).not.toContain(ESCAPE);
    expect(stdout).toMatch(/^Recommended: /m);
  });

  test('explains the words of its tables', async () => {
    const { stdout } = await runNode(DOCTOR, []);
    for (const word of ['A hop is', '(references)', '(copies)', 'Frames are', 'that answers is']) {
      expect(stdout).toContain(word);
    }
  });

  test.skipIf(!hasScript)('uses colors on a terminal, unless NO_COLOR says no', () => {
    expect(onTerminal({})).toContain(ESCAPE);
    const plain = onTerminal({ NO_COLOR: '1' });
    expect(plain).toContain('Recommended: ');
    expect(plain).not.toContain(ESCAPE);
  });

  test.skipIf(!hasScript)('prints no table that wraps on a narrow terminal (11.31)', () => {
    const lines = onTerminal({ NO_COLOR: '1' }, 60).split('\r\n');
    expect(lines.at(-2)).toMatch(/^Recommended: /);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(60);
  });

  test.skipIf(process.platform !== 'linux')('probes the folder that it is given', async () => {
    const { stdout } = await runNode(DOCTOR, ['--json', '--folder', '/dev/shm']);
    const { probes } = JSON.parse(stdout) as Report;
    // There is no device behind it: O_DIRECT is refused, or ignored.
    expect(probes.find(({ hop }) => hop === 'splice-direct-file')?.result).not.toBe('references');
  });

  test.each([
    ['an unknown option', ['--nonsense']],
    ['an argument', ['nonsense']],
    ['a folder that is missing', ['--folder', '/nowhere']],
    ['a folder that is a file', ['--folder', DOCTOR]],
  ])('exits with 2 for %s', async (_, args) => {
    const { code, stdout, stderr } = await runNode(DOCTOR, args);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^error: .+$/m);
    expect(stderr).toMatch(/^Usage: pageferry-doctor/m);
  });

  test('explains itself', async () => {
    const { code, stdout } = await runNode(DOCTOR, ['--help']);
    expect(code).toBe(0);
    expect(stdout).toContain('Exit status');
  });

  test('accepts the two dashes that npm users type', async () => {
    const { stdout } = await runNode(DOCTOR, ['--', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ schema: 1 });
  });

  test.skipIf(process.platform !== 'linux')('fails when stdout is full (11.31)', () => {
    for (const option of ['--json', '--help']) {
      const command = ['-c', '"$0" "$1" "$2" > /dev/full', process.execPath, DOCTOR, option];
      const { status, stderr } = spawnSync('sh', command);
      expect(status).toBe(3);
      expect(stderr.toString()).toMatch(/^pageferry-doctor: ENOSPC: .*\n$/);
    }
  });

  test('ends quietly when nobody reads its output', () => {
    const { stderr } = spawnSync('sh', ['-c', `"$0" "$1" | true`, process.execPath, DOCTOR]);
    expect(stderr.toString()).toBe('');
  });
});
