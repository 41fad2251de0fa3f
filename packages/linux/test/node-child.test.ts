import { spawnSync } from 'node:child_process';
import { nodeChildOptions } from '@pageferry/linux';
import { describe, expect, test } from 'vitest';

describe('a Node process that another one starts', () => {
  test.each([
    ['--inspect-brk'],
    ['--inspect_brk=127.0.0.1:0'],
    ['--inspect-port 0'],
    ['--inspect-wait --inspect-publish-uid=http'],
    ['"--inspect-brk"'],
    ['--cpu-prof --cpu-prof-dir "a folder"'],
    ['--watch-path ./src'],
  ])('does not inherit %s (11.19)', (options) => {
    const env = { PATH: '/bin', NODE_OPTIONS: `--no-warnings ${options} --require "./a b.cjs"` };
    expect(nodeChildOptions([], env).env).toEqual({
      PATH: '/bin',
      NODE_OPTIONS: '--no-warnings --require "./a b.cjs"',
    });
    expect(nodeChildOptions([], { NODE_OPTIONS: options }).env).toEqual({});
  });

  test('does not inherit what its parent runs in the place of a program (11.19)', () => {
    const argv = ['--no-warnings', '--input-type=module', '-e', 'run()', '--conditions', 'x'];
    expect(nodeChildOptions(argv, {}).execArgv).toEqual(['--no-warnings', '--conditions', 'x']);
  });

  test('does not inherit the debugger of an editor (11.19)', () => {
    const env = { VSCODE_INSPECTOR_OPTIONS: '{}', NODE_INSPECT_RESUME_ON_START: '1', HOME: '/' };
    expect(nodeChildOptions([], env).env).toEqual({ HOME: '/' });
  });

  test('runs, and does not wait for a debugger (11.19)', () => {
    const { env } = nodeChildOptions([], {
      ...process.env,
      NODE_OPTIONS: '--inspect-brk=127.0.0.1:0',
    });
    const { stdout, stderr } = spawnSync(process.execPath, ['-p', '1 + 1'], {
      env,
      timeout: 30_000,
    });
    expect(stderr.toString()).not.toContain('Debugger');
    expect(stdout.toString().trim()).toBe('2');
  });
});
