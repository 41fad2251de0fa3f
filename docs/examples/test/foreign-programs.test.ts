import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';

const PAGE = new URL('../../../packages/vmsplice-napi/README.md', import.meta.url);
const EXAMPLES = new URL('../foreign-programs/', import.meta.url);

test('the page shows the examples as they are tested', () => {
  const page = readFileSync(PAGE, 'utf8');
  for (const name of readdirSync(EXAMPLES)) {
    expect(page).toContain(`\`\`\`js\n${readFileSync(new URL(name, EXAMPLES), 'utf8')}\`\`\`\n`);
  }
});

test('what a buffer becomes in gzip comes back', { timeout: 60_000 }, async () => {
  const program = fileURLToPath(new URL('compress.mjs', EXAMPLES));
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [program], {
    encoding: 'buffer',
  });
  expect(stderr.toString()).toBe('');
  expect(stdout.length).toBeLessThan(100_000);
  expect(gunzipSync(stdout).toString()).toBe('over the water, '.repeat(100_000));
});
