import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { growthIn } from '../dist/soak/judge.js';
import { kinds, visitOf } from '../dist/soak/visit.js';

const MIB = 1024 * 1024;
const main = new URL('../dist/soak/main.js', import.meta.url).pathname;
const opens = new URL('../dist/opens/main.js', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'pageferry-soak-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('a visit', () => {
  test('is the same for the same seed, and another one for another seed or number', () => {
    expect(visitOf(1, 'socket', 7)).toEqual(visitOf(1, 'socket', 7));
    expect(visitOf(1, 'socket', 7)).not.toEqual(visitOf(2, 'socket', 7));
    expect(visitOf(1, 'socket', 7)).not.toEqual(visitOf(1, 'socket', 8));
  });

  test('is of every kind and ending, and asks for every policy', () => {
    const visits = Array.from({ length: 300 }, (_, number) => visitOf(1, 'shared-mmap', number));
    const all = (of: (visit: (typeof visits)[number]) => string) =>
      [...new Set(visits.map(of))].sort();
    expect(all(({ kind, ending }) => `${kind} ${ending}`)).toHaveLength(2 * kinds.length);
    expect(all(({ plan }) => plan.policy)).toEqual(['drop-newest', 'drop-oldest', 'wait']);
    expect(all(({ plan }) => plan.point)).toEqual(['busy', 'large', 'own-memory']);
  });
});

describe('what is left when all have gone', () => {
  const evening = (rss: number, mappings = 2, descriptors = 30) => ({
    ...{ at: 0, rate: 0, drops: 0, rss: rss * MIB, heap: 8 * MIB },
    ...{ mappings, descriptors },
  });
  const flat = [100, 104, 102, 103, 104, 101].map((rss) => evening(rss));

  test('may vary a little', () => {
    expect(growthIn(flat)).toEqual([]);
  });

  test('is to be no more descriptors, mappings or memory', () => {
    expect(growthIn([...flat, evening(101, 2, 31)])).toEqual(['descriptors grow from 30 to 31']);
    expect(growthIn([...flat, evening(101, 3)])).toEqual(['mappings grow from 2 to 3']);
    expect(growthIn([...flat, evening(140)])).toEqual([
      `resident memory grows from ${104 * MIB} to ${140 * MIB} bytes`,
    ]);
  });

  test('is to be no more of what JavaScript holds, also where that is little of all memory', () => {
    const last = evening(101);
    expect(growthIn([...flat, { ...last, heap: 12 * MIB }])).toEqual([
      `the heap grows from ${8 * MIB} to ${12 * MIB} bytes`,
    ]);
  });
});

test('a few seconds of it find no fault, and are written down', async () => {
  const out = join(folder, 'soak.json');
  const words = ['--minutes', '0.05', '--seed', '7', '--out', out];
  const backends = ['--backend', 'shared-mmap', '--backend', 'socket'];
  await promisify(execFile)(process.execPath, [main, ...words, ...backends]);
  const { houses } = JSON.parse(readFileSync(out, 'utf8'));
  expect(houses.map(({ faults }: { faults: unknown[] }) => faults)).toEqual([[], []]);
  for (const { evenings, summary } of houses) {
    expect(evenings).toHaveLength(2);
    expect(summary.messages).toBeGreaterThan(0);
  }
});

test('some opens and closes leave nothing', async () => {
  const words = ['--rounds', '60', '--backend', 'shared-mmap'];
  const { stdout } = await promisify(execFile)(process.execPath, [opens, ...words]);
  expect(stdout).toMatch(/shared-mmap .* nothing/);
});
