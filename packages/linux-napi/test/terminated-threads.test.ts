import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const PROGRAM = fileURLToPath(new URL('programs/terminated-threads.mjs', import.meta.url));

test('a thread that is terminated in the middle of a call does not take the process along', () => {
  expect(execFileSync(process.execPath, [PROGRAM], { encoding: 'utf8' })).toBe('60');
});
