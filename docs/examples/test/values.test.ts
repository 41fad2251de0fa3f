import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const PROGRAM = new URL('../values/tensor.mjs', import.meta.url);
const PAGE = new URL('../../../packages/messages/README.md', import.meta.url);

test('a tensor goes to a child and comes back', { timeout: 60_000 }, async () => {
  const program = fileURLToPath(PROGRAM);
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [program]);
  expect({ stdout, stderr }).toEqual({ stdout: '2500 x 4000 right\n', stderr: '' });
});

test('the page shows that program, which fits on a screen', () => {
  const source = readFileSync(PROGRAM, 'utf8');
  expect(source.trim().split('\n').length).toBeLessThanOrEqual(40);
  expect(readFileSync(PAGE, 'utf8')).toContain(`\`\`\`js\n${source}\`\`\`\n`);
});
