import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { hasNatsServer } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';

const SCRIPT = new URL('../scripts/faults.js', import.meta.url).pathname;

describe.skipIf(!hasNatsServer)('random kills', () => {
  test('of the server and of either side leave no fault', { timeout: 300_000 }, async () => {
    // A seed of its own each time; the command prints it.
    const { stdout } = await promisify(execFile)(process.execPath, [SCRIPT, '--rounds', '4']);
    expect(stdout).toMatch(/no fault\n$/);
  });
});
