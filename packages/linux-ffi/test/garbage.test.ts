import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const program = fileURLToPath(new URL('./programs/pressure.js', import.meta.url));
const hasNodeFfi = process.getBuiltinModule('node:ffi') !== undefined;

/** Runs the program with a collector that never rests. */
function run(driver: string, ...flags: readonly string[]) {
  const args = ['--no-warnings', '--expose-gc', ...flags, program, driver];
  const { status, signal, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  return { status, signal, stderr };
}

describe('bytes under the pressure of the garbage collector', { timeout: 60_000 }, () => {
  test.each([
    ['as it comes', []],
    ['that moves every object in each collection', ['--compact-on-every-full-gc']],
    ['with hardly any room for young objects', ['--max-semi-space-size=1']],
  ])('arrive as they were sent, with a collector %s', (_, flags) => {
    expect(run('koffi', ...flags)).toEqual({ status: 7, signal: null, stderr: '' });
  });

  test.runIf(hasNodeFfi)('arrive as they were sent through node:ffi', () => {
    expect(run('node')).toEqual({ status: 7, signal: null, stderr: '' });
  });
});
