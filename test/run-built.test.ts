import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { plainEnvironment, pnpmCommand, run } from '../scripts/release/commands.js';
import { ROOT } from '../scripts/release/pack.js';

/** Has nothing to build, so that nothing is written where other tests read. */
const PACKAGE = '@pageferry/linux-napi-linux-x64-gnu';

describe('`pnpm demo`, `doctor`, `compare` and `bench`', { timeout: 120_000 }, () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'pf-run-built-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** By way of pnpm, which turbo has to find. */
  function runBuilt(...args: readonly string[]) {
    const command = [...pnpmCommand(), '--silent', 'exec', 'node', 'scripts/run-built.js', ...args];
    return run(command, { cwd: ROOT, env: plainEnvironment() });
  }

  test('print what the program prints, and nothing else', async () => {
    const program = join(folder, 'program.mjs');
    writeFileSync(program, "console.log(process.argv.slice(2).join()); console.error('an error');");
    const { stdout, output } = await runBuilt(PACKAGE, program, '--some', 'arguments');
    expect(stdout).toBe('--some,arguments\n');
    // On a busy machine, that it is looked at takes long enough to be announced.
    const lines = output.split('\n').filter((line) => !line.startsWith('Building what'));
    expect(lines.toSorted()).toEqual(['', '--some,arguments', 'an error']);
  });

  test('end as the program does', async () => {
    const program = join(folder, 'program.mjs');
    writeFileSync(program, 'process.exitCode = 7;');
    await expect(runBuilt(PACKAGE, program)).rejects.toThrow('(7)');
  });

  test('say what the build has said if that has failed, and run nothing', async () => {
    const program = join(folder, 'program.mjs');
    writeFileSync(program, "console.log('was run');");
    const failing = runBuilt('@pageferry/nothing', program);
    await expect(failing).rejects.toThrow('@pageferry/nothing');
    await expect(failing).rejects.toThrow('(1)');
    await expect(failing).rejects.not.toThrow('was run');
  });
});
