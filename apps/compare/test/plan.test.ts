import { describe, expect, it } from 'vitest';
import { isQuick, planCases } from '../dist/plan/cases.js';
import type { ScenarioName } from '../dist/plan/scenarios.js';
import { subjects } from '../dist/subjects/subjects.js';

const MIB = 2 ** 20;

function sizesOf(scenario: ScenarioName, quick: boolean): number[] {
  const cases = planCases(undefined, undefined, quick);
  return [
    ...new Set(cases.filter((each) => each.scenario === scenario).map((each) => each.payloadBytes)),
  ];
}

describe('a quick run', () => {
  it('reaches from 64 B to 64 MiB, at sizes that the full one has too', () => {
    for (const scenario of ['handoff', 'work'] as const) {
      const quick = sizesOf(scenario, true);
      expect([quick.at(0), quick.at(-1)]).toEqual([64, 64 * MIB]);
      expect(sizesOf(scenario, false)).toEqual(expect.arrayContaining(quick));
    }
    expect(sizesOf('work', true).length).toBeGreaterThan(3);
  });

  it('leaves out destinations and several receivers, unless they are named', () => {
    const names = planCases(undefined, undefined, true).map(({ scenario }) => scenario);
    expect([...new Set(names)]).toEqual(['handoff', 'work', 'discard', 'rtt', 'request']);
    expect(planCases(['to-file', 'fan-out'], undefined, true)).toEqual([
      { scenario: 'to-file', payloadBytes: MIB, receivers: 1 },
      { scenario: 'fan-out', payloadBytes: 65536, receivers: 4 },
    ]);
  });

  it('has every mechanism, plain Node and C in each of its cases', () => {
    for (const each of planCases(undefined, undefined, true)) {
      const there = subjects.filter((subject) => isQuick(subject) && subject.takesPart(each));
      const kinds = new Set(there.map(({ kind }) => kind));
      // No program in C has several round trips under way.
      if ((each.underWay ?? 1) === 1) expect(kinds).toContain('limit');
      expect(kinds).toContain('pageferry');
      if (each.waiting !== 'spinning') expect(kinds).toContain('node');
    }
    const names = subjects.filter(isQuick).map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['shared-mmap', 'vmsplice-napi', 'unix-socket']));
    expect(names).not.toContain('ipc-json');
  });
});

describe('the full run', () => {
  it('has every scenario', () => {
    const names = planCases(undefined, undefined, false).map(({ scenario }) => scenario);
    expect(new Set(names).size).toBe(11);
  });

  it('has requests with one and with several under way, as the quick one', () => {
    const sizes = { full: [64, 65536], quick: [64] };
    for (const [extent, each] of Object.entries(sizes)) {
      const scenario = 'request' as const;
      expect(planCases([scenario], undefined, extent === 'quick')).toEqual(
        each.flatMap((payloadBytes) =>
          [1, 16].map((underWay) => ({ scenario, payloadBytes, receivers: 1, underWay })),
        ),
      );
    }
  });

  it('moves messages on at the sizes of the benchmark', () => {
    expect(sizesOf('discard', false)).toEqual(expect.arrayContaining([256 * 1024, MIB, 16 * MIB]));
  });
});
