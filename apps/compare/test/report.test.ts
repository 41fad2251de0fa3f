import { describe, expect, it } from 'vitest';
import { renderReport } from '../dist/report/html.js';
import { renderMainPlot } from '../dist/report/main-plot.js';
import { inWords } from '../dist/report/words.js';
import { compareWithBaseline } from '../dist/results/baseline.js';
import type { Results } from '../dist/results/results.js';
import { sampleResults } from './sample-results.js';

const SCENARIOS = ['handoff', 'work', 'discard', 'rtt', 'to-file', 'to-unix'] as const;

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
      'cpu',
      'destinations',
      'all',
      'method',
    ]);
    const plots = html.match(/<svg role="img" aria-label="[^"]+/g);
    expect(plots).toHaveLength(10); // Five, for screens and for phones.
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
