import { describe, expect, it } from 'vitest';
import { renderReport } from '../dist/report/html.js';
import { renderTerminal } from '../dist/report/terminal.js';
import { inWords } from '../dist/report/words.js';
import { doubtsOf } from '../dist/results/doubts.js';
import type { Result, Results } from '../dist/results/results.js';
import { checkResults } from '../dist/results/schema.js';
import { sampleResults } from './sample-results.js';

const share = (median: number) => ({ min: 0, median, max: 1 });

const QUIET = sampleResults(['work']).results[0] as Result;

/** Sample results with a change to every row. */
function withEach(change: Partial<Result>, results = sampleResults(['work', 'rtt'])): Results {
  return { ...results, results: results.results.map((row) => ({ ...row, ...change })) };
}

const ONCE = withEach({ runs: 1 });
const BUSY = withEach({ othersShare: share(0.4) });

describe('a row', () => {
  it('is not doubted where the machine was quiet and the runs agree', () => {
    expect(doubtsOf({ ...QUIET, othersShare: share(0.02), stolenShare: share(0) })).toEqual([]);
    expect(doubtsOf(QUIET)).toEqual([]);
  });

  it.each([
    ['busy', { othersShare: share(0.2) }],
    ['steal', { stolenShare: share(0.2) }],
    ['range', { nsPerMessage: { min: 100, median: 120, max: 200 } }],
    ['limit', { ratioToLimit: 10.57 }],
  ] as const)('is doubted: %s', (doubt, change) => {
    expect(doubtsOf({ ...QUIET, ...change })).toEqual([doubt]);
  });

  it('has no range where there was one run', () => {
    const spread = { min: 100, median: 120, max: 200 };
    expect(doubtsOf({ ...QUIET, runs: 1, nsPerMessage: spread })).toEqual([]);
  });

  it('keeps what disturbed it in the JSON', () => {
    const results = withEach({ othersShare: share(0.4), stolenShare: share(0.1) });
    expect(checkResults(JSON.parse(JSON.stringify(results)))).toEqual(results);
  });
});

describe('the words', () => {
  it('begin with the doubts, and with none where there are none', () => {
    const [first] = inWords(BUSY);
    expect(first).toMatch(/^\*\*The machine was not quiet\*\*: of 24 rows, 24 \(busy: /);
    expect(first).toContain('Close what else is running, and measure again');
    expect(inWords(sampleResults(['work'])).join('\n')).not.toMatch(/not quiet|doubtful|once/);
  });

  it('say so where everything was measured once', () => {
    expect(inWords(ONCE)[0]).toMatch(/^\*\*Measured once\*\*/);
  });

  it('give no share of C to what is faster than C', () => {
    const words = inWords(withEach({ ratioToLimit: 10.57 })).join('\n');
    expect(words).not.toContain('1057 %');
    expect(words).toContain('faster than C, which was held up or is no limit here');
    expect(words).toMatch(/^\*\*Some figures are doubtful\*\*/);
  });

  it('give the slowest of a thousand round trips, and compare those that poll with C, too', () => {
    const polling = withEach(
      { knobs: { receivers: 1, waiting: 'spinning' } },
      sampleResults(['rtt']),
    );
    expect(inWords(polling).join('\n')).toMatch(
      /508 ns \(one in a thousand more than 4\.57 µs\) with \*\*vmsplice-napi\*\* while both sides poll \(.*30 % of what C/,
    );
  });
});

describe('the table', () => {
  it('names the doubts of each row, and says what they mean', () => {
    const text = renderTerminal(BUSY);
    expect(text).toMatch(/^subject .* doubt$/m);
    expect(text).toMatch(/^unix-socket .* busy$/m);
    expect(text).toMatch(/^busy: other programs took more than 10 % of the processors/m);
    expect(renderTerminal(sampleResults(['work']))).not.toContain('doubt');
  });

  it('has a range, which it has not where there was one run', () => {
    expect(renderTerminal(sampleResults(['work']))).toMatch(/^subject .* range /m);
    expect(renderTerminal(ONCE)).not.toMatch(/^subject .* range |median/m);
  });

  it('has mean and quantiles of round trips', () => {
    expect(renderTerminal(sampleResults(['rtt']))).toMatch(/mean +50 % +99 % +99\.9 %/);
  });

  it('has the time between two answers, and how long each took, of requests', () => {
    const text = renderTerminal(sampleResults(['request']));
    expect(text).toMatch(/^subject +a +50 % +99 % +99\.9 %/m);
    expect(text).toMatch(/^64 B, 1 under way$/m);
    expect(text).toMatch(/^64 B, 16 under way\nvmsplice-napi +508 ns +8\.13 µs/m);
  });

  it('fits into 80 columns, whatever is in it', () => {
    const scenarios = [
      ...(['handoff', 'work', 'discard', 'rtt', 'request', 'fan-out', 'to-file'] as const),
    ];
    const results = withEach(
      {
        subject: 'shared-mmap-ffi',
        nsPerMessage: { min: 100e6, median: 176e6, max: 999e6 },
        gibPerSecond: { min: 0.001, median: 0.00123, max: 1 },
        rttNs: { p50: 137_227, p99: 4_211_897, p999: 10_173_582 },
        cpuSecondsPerGib: { min: 0.00123, median: 0.00123, max: 1 },
        ratioToBestNode: 1217,
        ratioToLimit: 10.57,
        othersShare: share(1),
        stolenShare: share(1),
      },
      sampleResults(scenarios),
    );
    const failed = withEach({ failure: { kind: 'failed', reason: 'why '.repeat(99) } });
    for (const text of [renderTerminal(results), renderTerminal(failed)]) {
      const lines = text.split('\n').filter((line) => !/^- |^[\w/ ]+: /.test(line));
      expect(lines.length).toBeGreaterThan(20);
      for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(80);
    }
  });
});

describe('the report', () => {
  it('names the doubts of each row, and says what they mean', () => {
    const html = renderReport(BUSY);
    expect(html).toContain('<span class="doubt">busy</span>');
    expect(html).toContain('Doubts: busy: other programs took more than 10 %');
    expect(html).toContain('<strong>The machine was not quiet</strong>');
  });

  it('speaks of no median and no range where there was one run', () => {
    const html = renderReport(ONCE);
    expect(html).toContain('Figures of a single run.');
    expect(html).toContain('The dot is a single run.');
    expect(html).not.toContain('median of the runs');
    expect(renderReport(sampleResults(['work']))).toContain('The dot is the median of the runs');
  });
});
