import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { hasNatsServer } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';

const SCRIPT = new URL('../scripts/faults.js', import.meta.url).pathname;

describe.skipIf(!hasNatsServer)('random kills', () => {
  test('of the server and of either side leave no fault', { timeout: 300_000 }, async () => {
    // Its first rounds kill the server, a responder, the sender, and the server.
    const words = [SCRIPT, '--seed', '440', '--rounds', '4'];
    // Of a program that fails, what it says on stdout tells why.
    const { stdout } = await promisify(execFile)(process.execPath, words).catch(
      (error: { stdout: string }) => error,
    );
    expect(stdout.match(/the (server|responder|sender)/g)).toHaveLength(4);
    expect(stdout).toMatch(/no fault\n$/);
  });
});
