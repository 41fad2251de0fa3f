import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';

const EXAMPLES = new URL('../streams/', import.meta.url);
const PAGE = new URL('../../../packages/streams/README.md', import.meta.url);

test('an upload is hashed by another process, and one that is broken off leaves nothing', {
  timeout: 60_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pf-uploads-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const program = fileURLToPath(new URL('uploads.mjs', EXAMPLES));
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [program, folder]);
  expect(stderr).toBe('');
  const whole = Buffer.alloc(1e7, 'whole');
  const digest = createHash('sha256').update(whole).digest('hex');
  const [first, ...lines] = stdout.trim().split('\n');
  expect(first).toBe(digest);
  expect(lines).toEqual(['hashing STREAM_RESET']);
  expect(readFileSync(join(folder, 'whole')).equals(whole)).toBe(true);
  expect(readdirSync(folder)).toEqual(['whole']);
});

test('the page shows that program, which fits on a screen', () => {
  const source = readFileSync(new URL('uploads.mjs', EXAMPLES), 'utf8');
  expect(source.trim().split('\n').length).toBeLessThanOrEqual(40);
  expect(readFileSync(PAGE, 'utf8')).toContain(`\`\`\`js\n${source}\`\`\`\n`);
});
