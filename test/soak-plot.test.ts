import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { soakPlot } from '../scripts/soak-plot.js';

const ROOT = new URL('../', import.meta.url);
const sample = (at: number, rate: number) => ({
  ...{ at, rate, drops: 0, rss: 64 * 1024 * 1024, heap: 1024, mappings: 2, descriptors: 20 },
});
const house = { backend: 'one & only', samples: [sample(0, 0), sample(60, 100)], evenings: [] };
const machine = { processor: 'A & B', node: 'v20' };

test('the plot has a panel for each figure, and a line in it for each backend', () => {
  const plot = soakPlot({ minutes: 1, machine, houses: [house, { ...house, backend: 'other' }] });
  const lines = [...plot.matchAll(/<polyline class="(\w)" points="([^"]*)"/g)];
  expect(lines.map(([, style]) => style).join('')).toBe('abababababab');
  // From nothing at the bottom left to the highest at the top right.
  expect(lines[0]?.[2]).toBe('56,118 590,34');
  expect(plot).toContain('one &amp; only');
});

test('what was left when all had gone is a dot', () => {
  const plot = soakPlot({ minutes: 1, machine, houses: [{ ...house, evenings: [sample(60, 0)] }] });
  expect([...plot.matchAll(/<circle class="a" cx="590"/g)]).toHaveLength(6);
});

test('the plot of docs/reliability.md is that of the run in docs/soak.json', () => {
  const read = (path: string) => readFileSync(new URL(path, ROOT), 'utf8');
  expect(read('docs/soak.svg')).toBe(soakPlot(JSON.parse(read('docs/soak.json'))));
});
