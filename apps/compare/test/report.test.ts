import { describe, expect, it } from 'vitest';
import type { ScenarioName } from '../dist/plan/scenarios.js';
import { renderReport } from '../dist/report/html.js';
import { renderMainPlot } from '../dist/report/main-plot.js';
import { inWords } from '../dist/report/words.js';
import { compareWithBaseline } from '../dist/results/baseline.js';
import type { Result, Results } from '../dist/results/results.js';
import { sampleResults } from './sample-results.js';

const SCENARIOS = [
  ...['handoff', 'work', 'discard', 'rtt', 'request', 'to-file', 'to-unix'],
] as const satisfies readonly ScenarioName[];

/** Sample results in which one row is something else. */
function withFirst(change: object): Results {
  const results = sampleResults(['work']);
  const [first, ...others] = results.results;
  return {
    ...results,
    results: [{ ...first, ...change } as Results['results'][number], ...others],
  };
}

describe('the report', () => {
  it('is one file that loads nothing', () => {
    const html = renderReport(sampleResults(SCENARIOS));
    const loading = /\b(?:src|srcset|href|action)=["']?[^#"'\s>][^\s>]*|url\(|@import|fetch\(/g;
    expect(html.match(loading)).toBeNull();
    expect(html.length).toBeLessThan(400_000);
  });

  it('has a plot for each question that was measured, with a text alternative', () => {
    const html = renderReport(sampleResults(SCENARIOS));
    const ids = [...html.matchAll(/<section id="([\w-]+)"/g)].map(([, id]) => id);
    expect(ids).toEqual([
      'throughput',
      'handoff',
      'latency',
      'requests',
      'cpu',
      'destinations',
      'all',
      'method',
    ]);
    const plots = html.match(/<svg role="img" aria-label="[^"]+/g);
    expect(plots).toHaveLength(12); // Six, for screens and for phones.
    expect(html.replace(/<script>.*/s, '').match(/NaN|undefined|Infinity/)).toBeNull();
  });

  it('leaves out what was not measured', () => {
    const html = renderReport(sampleResults(['rtt']));
    expect(html).toContain('<section id="latency"');
    expect(html).not.toContain('<section id="throughput"');
    expect(renderMainPlot(sampleResults(['rtt']))).toBeUndefined();
  });

  it('shows why a subject has no figures', () => {
    const html = renderReport(
      withFirst({ runs: 0, failure: { kind: 'spoiled', reason: 'what arrived is not <it>' } }),
    );
    expect(html).toContain('spoiled: what arrived is not &lt;it&gt;');
  });

  it('takes no markup from results, which may be a stranger’s', () => {
    const evil = '<img src=x onerror=alert(1)>"';
    const results = withFirst({ subject: evil });
    const html = renderReport({ ...results, machine: { ...results.machine, processor: evil } });
    expect(html.includes('<img')).toBe(false);
    expect(renderMainPlot(results)?.includes('<img')).toBe(false);
  });

  it('says in words what has changed since a baseline', () => {
    const now = sampleResults(['work'], 2);
    const html = renderReport(now, compareWithBaseline(now, sampleResults(['work'])));
    expect(html).toContain('Since the baseline');
    expect(html).toContain('<strong>socket</strong> in work at 64 KiB: 2.00 times as fast');
    expect(html).toContain('<span class="faster">2.00 faster</span>');
  });

  it('comes with a plot that stands alone and follows light and dark', () => {
    const svg = renderMainPlot(sampleResults(['work']));
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg"/);
    expect(svg).toContain('prefers-color-scheme:dark');
    expect(svg).toContain('<title>Throughput against message size</title>');
  });
});

describe('requests', () => {
  it('are shown for each number that is under way', () => {
    const html = renderReport(sampleResults(['request']));
    const [, plot = ''] = /<section id="requests">(.*?)<\/section>/s.exec(html) ?? [];
    const groups = [...plot.matchAll(/>(\d+ under way)</g)].map(([, group]) => group);
    expect([...new Set(groups)]).toEqual(['1 under way', '16 under way']);
    expect(html).toMatch(/<td data-sort="16 under way" class="left">16 under way<\/td>/);
  });

  it('are compared with a baseline by how many are under way', () => {
    const withPace = (nanoseconds: number): Results => {
      const results = sampleResults(['request']);
      const pace = { min: nanoseconds, median: nanoseconds, max: nanoseconds };
      const change = (row: Result) =>
        row.knobs['underWay'] === 16 ? { ...row, nsPerMessage: pace } : row;
      return { ...results, results: results.results.map(change) };
    };
    const { changes } = compareWithBaseline(withPace(2), withPace(4));
    expect(changes).toHaveLength(24);
    for (const { verdict, result } of changes) {
      expect(verdict).toBe(result.knobs['underWay'] === 16 ? 'faster' : 'same');
    }
    const html = renderReport(withPace(2), { changes, differences: [] });
    expect(html).toContain('in request at 64 B, 16 under way: 2.00 times as fast');
  });

  it('are told in words: how long one takes, and how often one is answered', () => {
    expect(inWords(sampleResults(['request']))).toEqual([
      'A request of 64 B is answered in 508 ns (one in a thousand more than 4.57 µs) with ' +
        '**vmsplice-napi** while it is the only one (3.0 times as fast as the best of plain Node, ' +
        '30 % of what C reaches), and in 8.13 µs (one in a thousand more than 73.2 µs), an answer ' +
        'every 508 ns, with **vmsplice-napi** while 16 are under way (3.0 times as fast as the best ' +
        'of plain Node, 30 % of what C reaches).',
    ]);
  });

  it('of threads are no way between processes', () => {
    const { machine, schema, results } = sampleResults(['request']);
    const renamed = results.map((row) =>
      row.subject === 'vmsplice-napi'
        ? { ...row, subject: 'worker-copy', kind: 'other' as const }
        : row,
    );
    const words = inWords({ machine, schema, results: renamed }).join();
    expect(words).toContain('with **unix-socket** while 16 are under way');
    expect(words).not.toContain('worker-copy');
  });
});

describe('the words', () => {
  it('name the fastest between processes, compared with plain Node and with C', () => {
    const [first] = inWords(sampleResults(['work']));
    expect(first).toMatch(
      /^Where every byte is written and read, up to 1 MiB, \*\*vmsplice-napi\*\* is the fastest between processes at every size/,
    );
    expect(first).toContain('3.0 times as fast as the best of plain Node, 30 % of what C reaches');
  });

  it('name each range of sizes that has another winner', () => {
    const results = sampleResults(['work']);
    const rows = results.results.map((row) =>
      row.subject === 'unix-socket' && row.payloadBytes === 64
        ? { ...row, nsPerMessage: { min: 1, median: 1, max: 1 } }
        : row,
    );
    const words = inWords({ ...results, results: rows }).join('\n');
    expect(words).toContain('at 64 B, **unix-socket** is the fastest');
    expect(words).toContain('from 64 KiB on, **vmsplice-napi** is the fastest');
  });

  it('let nobody win who has spoiled bytes', () => {
    const results = sampleResults(['work']);
    const rows = results.results.map((row) =>
      row.subject === 'vmsplice-napi'
        ? { ...row, failure: { kind: 'spoiled' as const, reason: 'it lies' } }
        : row,
    );
    const words = inWords({ ...results, results: rows }).join('\n');
    expect(words).toContain('**unix-socket** is the fastest');
    expect(words).toContain('**vmsplice-napi**: lost or changed bytes (it lies)');
  });
});
