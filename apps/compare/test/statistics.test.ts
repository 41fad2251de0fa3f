import { describe, expect, it } from 'vitest';
import { compareWithBaseline } from '../dist/results/baseline.js';
import { type Cell, collect } from '../dist/results/collect.js';
import { mergeResults } from '../dist/results/merge.js';
import { checkResults } from '../dist/results/schema.js';
import { ratioToBest } from '../dist/results/statistics.js';
import type { Subject } from '../dist/subjects/subject.js';
import { sampleResults } from './sample-results.js';

const CASE = { scenario: 'work', payloadBytes: 2 ** 20, receivers: 2 } as const;

function cell(name: string, kind: Subject['kind'], nanoseconds: readonly number[]): Cell {
  const subject: Subject = {
    name,
    kind,
    description: '',
    settings: { style: name },
    takesPart: () => true,
    prepare: async () => undefined,
    verify: async () => undefined,
    measure: async () => ({ kind: 'failed', reason: 'not asked' }),
  };
  const usage = { cpuMicroseconds: 1e6, contextSwitches: 2048, pageFaults: 512, peakRssBytes: 9 };
  return {
    subject,
    case: CASE,
    trials: new Map(
      nanoseconds.map((each, run) => [
        run,
        { messages: 1024, nanoseconds: each, usage, knobs: { messages: 1024 } },
      ]),
    ),
  };
}

describe('figures', () => {
  it('count bytes for each receiver, and messages once', () => {
    const [row] = collect([cell('a', 'node', [1e9, 2e9, 4e9])]);
    expect(row).toEqual({
      scenario: 'work',
      subject: 'a',
      kind: 'node',
      payloadBytes: 2 ** 20,
      knobs: { receivers: 2, style: 'a', messages: 1024 },
      runs: 3,
      gibPerSecond: { min: 0.5, median: 1, max: 2 },
      nsPerMessage: { min: 1e9 / 1024, median: 2e9 / 1024, max: 4e9 / 1024 },
      cpuSecondsPerGib: { min: 0.5, median: 0.5, max: 0.5 },
      contextSwitchesPerMessage: { min: 2, median: 2, max: 2 },
      pageFaultsPerMessage: { min: 0.5, median: 0.5, max: 0.5 },
      peakRssBytes: { min: 9, median: 9, max: 9 },
      ratioToBestNode: 1,
    });
  });

  it('are compared within each run, so that a slow spell cancels out', () => {
    const rows = collect([
      cell('mine', 'pageferry', [1e9, 10e9, 1e9]),
      cell('node', 'node', [2e9, 20e9, 2e9]),
      cell('slow node', 'node', [9e9, 90e9, 9e9]),
      cell('C', 'limit', [0.5e9, 5e9, 0.5e9]),
    ]);
    expect(rows[0]).toMatchObject({ ratioToBestNode: 2, ratioToLimit: 0.5 });
  });

  it('are not compared with runs that the other has not', () => {
    expect(ratioToBest([undefined, 4], [[2]])).toBeUndefined();
    expect(ratioToBest([4], [[]])).toBeUndefined();
  });
});

describe('a baseline', () => {
  it('flags only what the ranges of the runs do not explain', () => {
    const then = sampleResults(['work']);
    const slightly = compareWithBaseline(sampleResults(['work'], 1.1), then);
    expect(new Set(slightly.changes.map(({ verdict }) => verdict))).toEqual(new Set(['same']));
    const much = compareWithBaseline(sampleResults(['work'], 2), then);
    expect(new Set(much.changes.map(({ verdict }) => verdict))).toEqual(new Set(['faster']));
    expect(much.changes[0]?.ratio).toBeCloseTo(2);
    const less = compareWithBaseline(sampleResults(['work'], 0.5), then);
    expect(new Set(less.changes.map(({ verdict }) => verdict))).toEqual(new Set(['slower']));
  });

  it('says nothing where a single run knows no noise', () => {
    const now = sampleResults(['work'], 2);
    const once = { ...now, results: now.results.map((row) => ({ ...row, runs: 1 })) };
    const { changes } = compareWithBaseline(once, sampleResults(['work']));
    expect(new Set(changes.map(({ verdict }) => verdict))).toEqual(new Set(['unclear']));
  });

  it('says what differs between the machines', () => {
    const now = sampleResults(['work']);
    const elsewhere = { ...now, machine: { ...now.machine, kernel: '7.0.0' } };
    expect(compareWithBaseline(elsewhere, now).differences).toEqual([
      'kernel: 6.0.0 then, 7.0.0 now',
    ]);
  });
});

describe('results', () => {
  it('of one machine can be merged, the last word first', () => {
    const merged = mergeResults([sampleResults(['work']), sampleResults(['work', 'rtt'], 2)]);
    expect(merged.results).toHaveLength(24);
    expect(merged.results[0]).toEqual(sampleResults(['work'], 2).results[0]);
  });

  it('of two machines cannot', () => {
    const here = sampleResults(['work']);
    const there = { ...here, machine: { ...here.machine, cores: 64 } };
    expect(() => mergeResults([here, there])).toThrow('results of two machines');
  });

  it.each([
    ['a field that is not in the schema', { results: [{ extra: 1 }] }],
    ['a row without a subject', { results: [{ subject: undefined }] }],
    ['a spread without a median', { results: [{ gibPerSecond: { min: 1, max: 2 } }] }],
  ])('with %s are refused', (_what, { results: [change] }) => {
    const good = sampleResults(['work']);
    const bad = { ...good, results: [{ ...good.results[0], ...change }] };
    expect(() => checkResults(JSON.parse(JSON.stringify(bad)))).toThrow('/results/0');
    expect(checkResults(JSON.parse(JSON.stringify(good)))).toEqual(good);
  });
});
