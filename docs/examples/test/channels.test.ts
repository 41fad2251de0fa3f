import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const EXAMPLES = new URL('../channels/', import.meta.url);
const PAGE = new URL('../../../packages/shared-mmap/README.md', import.meta.url);

test('three workers answer everything, though one of them is killed', {
  timeout: 60_000,
}, async () => {
  const program = fileURLToPath(new URL('workers.mjs', EXAMPLES));
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [program]);
  expect(stderr).toBe('');
  const lines = stdout.trim().split('\n');
  const answers = lines.filter((line) => !line.endsWith(' is asked again'));
  expect(answers.sort()).toEqual(Array.from({ length: 10 }, (_, number) => `${number} right`));
  expect(lines.length).toBeGreaterThan(answers.length);
});

test('the page shows that program, which fits on a screen', () => {
  const source = readFileSync(new URL('workers.mjs', EXAMPLES), 'utf8');
  expect(source.trim().split('\n').length).toBeLessThanOrEqual(40);
  expect(readFileSync(PAGE, 'utf8')).toContain(`\`\`\`js\n${source}\`\`\`\n`);
});
