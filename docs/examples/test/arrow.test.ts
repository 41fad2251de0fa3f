import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

test('a table of Arrow shows what the other process changes: nothing was copied', {
  timeout: 60_000,
}, async () => {
  const program = fileURLToPath(new URL('../arrow/batches.mjs', import.meta.url));
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [program]);
  expect(stderr).toBe('');
  expect(stdout.trim().split('\n')).toEqual([
    '1000000 rows, sum 1000000',
    '1000000 rows, sum 2000000',
    '1000000 rows, sum 3000000',
    '1000000 rows, sum 3000042',
  ]);
});
