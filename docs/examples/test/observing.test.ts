import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const PROGRAM = new URL('../observing/metrics.mjs', import.meta.url);
const PAGE = new URL('../../diagnostics.md', import.meta.url);

test('counters and histograms are what Prometheus reads, and bars', {
  timeout: 60_000,
}, async () => {
  const program = fileURLToPath(PROGRAM);
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [program]);
  expect(stderr).toBe('');
  const [first = '', times = ''] = stdout.split('\n\n');
  const start = first.indexOf('up to ');
  const [metrics, bars] = [first.slice(0, start), first.slice(start)];
  for (const line of metrics.trim().split('\n')) {
    expect(line).toMatch(/^[a-zA-Z_]+(\{le="(\d+|\+Inf)"\})? \d+$/);
  }
  expect(metrics).toContain('pageferry_messagesSent 1000\n');
  expect(metrics).toContain('pageferry_sentBytes_bucket{le="511"} 511\n');
  expect(metrics).toContain('pageferry_sentBytes_bucket{le="1023"} 1000\n');
  expect(metrics).toContain('pageferry_sentBytes_bucket{le="+Inf"} 1000\n');
  expect(metrics).toContain(`pageferry_sentBytes_sum ${(1000 * 1001) / 2}\n`);
  expect(bars.trim().split('\n').at(-1)).toBe(`up to 1023      ${'#'.repeat(40)} 489`);
  expect(bars.trim().split('\n')).toHaveLength(10);
  const held = [...times.matchAll(/^up to \d+ +#+ (\d+)$/gm)].map(([, count]) => Number(count));
  expect(held.reduce((sum, count) => sum + count, 0)).toBe(1000);
});

test('the page shows that program', () => {
  expect(readFileSync(PAGE, 'utf8')).toContain(
    `\`\`\`js\n${readFileSync(PROGRAM, 'utf8')}\`\`\`\n`,
  );
});
