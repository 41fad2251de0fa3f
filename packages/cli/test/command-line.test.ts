import { describe, expect, test, vi } from 'vitest';
import { COMMANDS } from '../dist/command/commands.js';
import { run } from './support/run.js';

vi.setConfig({ testTimeout: 30_000 });

describe('pageferry', () => {
  test.each([[], ['help'], ['--help'], ['-h']])(
    '%j says which commands there are',
    async (...args) => {
      const { status, stdout } = await run(args);
      expect(status).toBe(0);
      for (const { name } of COMMANDS) expect(stdout).toContain(`\n  ${name} `);
    },
  );

  test.each(COMMANDS.filter(({ name }) => name !== 'doctor').map(({ name }) => name))(
    '%s --help shows its options and examples, in 80 columns',
    async (name) => {
      const { status, stdout } = await run([name, '--help']);
      expect(status).toBe(0);
      const spec = COMMANDS.find((each) => each.name === name);
      for (const option of Object.keys(spec?.options ?? {}))
        expect(stdout).toContain(`--${option}`);
      expect(stdout).toContain(`\n  pageferry ${name} `);
      for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
      expect((await run(['help', name])).stdout).toBe(stdout);
    },
  );

  test.each([
    [['docter'], 'there is no command "docter"'],
    [['list', '--jsn'], "Unknown option '--jsn'"],
    [['tap'], 'something is missing: NAME'],
    [['tap', 'a', 'b'], '"b" is too much'],
    [['tap', 'a', '--bytes', 'many'], '--bytes must be a number, 0 or more, not "many"'],
    [['tap', 'a', '--bytes', '1.5'], '--bytes must be a whole number'],
    [['record', 'a'], '--out is missing'],
    [
      ['record', 'a', '--out', 'x', '--on', 'death,fire'],
      '--on may be death, stall, end, not "fire"',
    ],
    [['send', 'a', 'file', '--text', 'x'], '--text or files'],
    [['receive', 'a', '--hex', '--json'], 'not both'],
    [['completion', 'tcsh'], 'only for bash, zsh and fish'],
  ])('%j makes no sense', async (args, words) => {
    const { status, stdout, stderr } = await run(args);
    expect(stderr).toContain(words);
    expect([status, stdout]).toEqual([2, '']);
  });
});
