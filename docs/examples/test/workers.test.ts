import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const EXAMPLES = new URL('../workers/', import.meta.url);
const PAGE = new URL('../../workers.md', import.meta.url);

async function run(name: string): Promise<{ stdout: string; stderr: string }> {
  return promisify(execFile)(process.execPath, [fileURLToPath(new URL(name, EXAMPLES))]);
}

test('a pool halves images', { timeout: 60_000 }, async () => {
  const { stdout, stderr } = await run('images.js');
  expect(stderr).toBe('');
  const numbers = Array.from({ length: 12 }, (_, number) => `${number} 512 x 512 right`);
  expect(stdout.trim().split('\n').sort()).toEqual(numbers.sort());
});

test('every answer is there, though a worker is killed', { timeout: 60_000 }, async () => {
  expect(await run('killed.js')).toEqual({
    stdout: '100 of 100 answers are right, though a worker was ended by SIGKILL\n',
    stderr: '',
  });
});

// Those of the other lines that the tests run with can.
const isTooOld = process.versions.node.startsWith('20.');

test.skipIf(isTooOld)(
  'threads read what one of them has received',
  { timeout: 60_000 },
  async () => {
    const sum = 7 * 8 * 1024 * 1024;
    expect(await run('threads.js')).toEqual({ stdout: `${sum}\n${sum}\n`, stderr: '' });
  },
);

test.skipIf(!isTooOld)('or are told that this Node cannot', { timeout: 60_000 }, async () => {
  await expect(run('threads.js')).rejects.toThrow(/22\.23\.3.*NOT_SUPPORTED/s);
});

test.each(['images.js', 'resize.js', 'killed.js', 'square.js', 'threads.js'])(
  'the page shows %s, which fits on a screen',
  (name) => {
    const source = readFileSync(new URL(name, EXAMPLES), 'utf8');
    expect(source.trim().split('\n').length).toBeLessThanOrEqual(40);
    expect(readFileSync(PAGE, 'utf8')).toContain(`\`\`\`js\n${source}\`\`\`\n`);
  },
);
