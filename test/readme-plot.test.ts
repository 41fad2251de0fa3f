import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readmePlot } from '../scripts/readme-plot.js';

const ROOT = new URL('../', import.meta.url);
const machine = { processor: 'A & B', node: 'v20' };
const result = (subject: string, kind: string, payloadBytes: number, median: number) => ({
  scenario: 'work',
  subject,
  kind,
  payloadBytes,
  gibPerSecond: { median },
});
const results = [
  result('shared-mmap', 'pageferry', 1024, 10),
  result('shared-mmap', 'pageferry', 2048, 100),
  result('vmsplice-napi', 'pageferry', 1024, 1),
  result('vmsplice-napi', 'pageferry', 2048, 10),
  result('tcp', 'node', 1024, 1),
  result('unix-socket', 'node', 1024, 10),
  result('tcp', 'node', 2048, 1),
];

test('the plot has the figures of the run where they belong', () => {
  const plot = readmePlot({ machine, results });
  const lines = [...plot.matchAll(/<polyline class="(\w+)" points="([^"]*)"/g)];
  expect(lines.map(([, style, points]) => [style, points])).toEqual([
    ['shared', '50,130 510,34'],
    ['pipe', '50,226 510,130'],
    // The fastest of several; what was not measured at a size is not drawn.
    ['node', '50,130 510,226'],
  ]);
  expect(plot).toContain('A &amp; B');
  for (const label of ['1 KiB', '2 KiB', 'best of plain Node']) expect(plot).toContain(label);
});

test('other scenarios are left out, and a run without a subject is no plot', () => {
  const others = results.map((each) => ({ ...each, scenario: 'handoff' }));
  expect(readmePlot({ machine, results: [...results, ...others] })).toBe(
    readmePlot({ machine, results }),
  );
  const without = results.filter(({ kind }) => kind !== 'node');
  expect(() => readmePlot({ machine, results: without })).toThrow('best of plain Node');
});

test("the README's plot is that of the run in docs/compare", () => {
  const read = (path: string) => readFileSync(new URL(path, ROOT), 'utf8');
  expect(read('docs/throughput.svg')).toBe(
    readmePlot(JSON.parse(read('docs/compare/results.json'))),
  );
});
