import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '@pageferry/testkit';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { COMMANDS } from '../dist/command/commands.js';
import { run } from './support/run.js';

vi.setConfig({ testTimeout: 60_000 });

const folder = temporaryFolder();
const has = (shell: string) => spawnSync(shell, ['--version']).status === 0;

describe('pageferry completion', () => {
  test.each(['bash', 'zsh', 'fish'])('for %s has every command and option', async (shell) => {
    const { status, stdout } = await run(['completion', shell]);
    expect(status).toBe(0);
    for (const { name, options } of COMMANDS) {
      expect(stdout).toContain(name);
      for (const option of Object.keys(options)) expect(stdout).toContain(option);
    }
  });

  for (const shell of ['bash', 'zsh', 'fish']) {
    const isThere = has(shell);
    const missing = isThere ? '' : ' (it is not installed)';
    test.skipIf(!isThere)(`for ${shell} is a script that it can read${missing}`, async () => {
      const { stdout } = await run(['completion', shell]);
      const file = folder.fresh();
      writeFileSync(file, stdout);
      const { status, stderr } = spawnSync(shell, ['-n', file]);
      expect([status, stderr.toString()]).toEqual([0, '']);
    });
  }

  const hasFish = has('fish');
  test.skipIf(!hasFish)(`in fish completes${hasFish ? '' : ' (it is not installed)'}`, async () => {
    const file = folder.fresh();
    writeFileSync(file, (await run(['completion', 'fish'])).stdout);
    const complete = (line: string) => {
      const { stdout } = spawnSync('fish', [
        '--no-config',
        '-c',
        `source ${file}; complete -C '${line}'`,
      ]);
      return stdout
        .toString()
        .trimEnd()
        .split('\n')
        .map((each) => each.split('\t')[0]);
    };
    expect(complete('pageferry rec')).toEqual(['receive', 'record']);
    expect(complete('pageferry record --on ')).toEqual(['death', 'end', 'stall']);
    expect(complete('pageferry list --na')).toEqual(['--names']);
  });

  describe('in bash', () => {
    let script: string;
    const bin = folder.fresh();

    beforeAll(async () => {
      script = (await run(['completion', 'bash'])).stdout;
      mkdirSync(bin);
      // It asks the command for the names that there are.
      writeFileSync(
        join(bin, 'pageferry'),
        '#!/bin/sh\n[ "$*" = "list --names" ] && echo frames && echo lines\n',
      );
      chmodSync(join(bin, 'pageferry'), 0o755);
      writeFileSync(join(bin, 'frames.mcap'), '');
    });

    function complete(...words: string[]): string[] {
      const input = `${script}
COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}
_pageferry; printf '%s\\n' "\${COMPREPLY[@]}"`;
      const env = { ...process.env, PATH: `${bin}:${process.env['PATH']}` };
      const { stdout, stderr } = spawnSync('bash', ['--norc'], { input, env, cwd: bin });
      expect(stderr.toString()).toBe('');
      return stdout
        .toString()
        .split('\n')
        .filter((line) => line !== '');
    }

    test.each([
      [
        ['pageferry', 'rec'],
        ['record', 'receive'],
      ],
      [
        ['pageferry', 'record', '--on', ''],
        ['death', 'stall', 'end'],
      ],
      [['pageferry', 'record', '--la'], ['--last']],
      [
        ['pageferry', 'tap', 'fr'],
        ['frames', 'frames.mcap'],
      ],
      [['pageferry', 'replay', 'fra'], ['frames.mcap']],
      [['pageferry', 'replay', 'frames.mcap', 'li'], ['lines']],
      [['pageferry', 'completion', 'z'], ['zsh']],
      [['pageferry', 'unknown', ''], []],
    ])('%j becomes %j', (words, expected) => {
      expect(complete(...words).sort()).toEqual([...expected].sort());
    });
  });
});
