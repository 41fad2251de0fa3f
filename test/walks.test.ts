import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

const page = readFileSync('docs/architecture.md', 'utf8');

/** A step of a walk: the file, and the functions in it. */
interface Step {
  readonly file: string;
  readonly functions: readonly string[];
}

/** The steps below a heading. */
function stepsOf(heading: string, folder: string): readonly Step[] {
  const [, rest = ''] = page.split(`### ${heading}\n`);
  const [section = ''] = rest.split(/^##/m);
  return section
    .split('\n')
    .filter((line) => /^\| \d/.test(line))
    .map((line) => {
      const where = line.split('|')[3] ?? '';
      const [file = '', ...functions] = [...where.matchAll(/`([^`]+)`/g)].map(
        ([, name = '']) => name,
      );
      const isElsewhere = file.includes('/src/');
      return { file: isElsewhere ? `packages/${file}` : `${folder}/${file}`, functions };
    });
}

describe.each([
  ['A message through shared memory, step by step', 'packages/shared-mmap/src'],
  ['A message through the pipe, step by step', 'packages/vmsplice/src'],
])('%s', (heading, folder) => {
  const steps = stepsOf(heading, folder);

  test('names files that are there, and functions in them', () => {
    expect(steps.length).toBeGreaterThanOrEqual(10);
    for (const { file, functions } of steps) {
      expect(existsSync(file), file).toBe(true);
      const source = readFileSync(file, 'utf8');
      expect(functions.length, file).toBeGreaterThan(0);
      for (const name of functions) {
        const method = name.split('.').at(-1) as string;
        expect(source, `${file}: ${name}`).toMatch(new RegExp(`\\b${method}\\(`));
      }
    }
  });

  test('comes to at most one file twice', () => {
    const visits = new Map<string, number>();
    for (const { file } of steps) visits.set(file, (visits.get(file) ?? 0) + 1);
    expect([...visits.values()].filter((count) => count > 1).length).toBeLessThanOrEqual(1);
    expect(Math.max(...visits.values())).toBeLessThanOrEqual(2);
  });
});
