import { fileURLToPath } from 'node:url';
import { runFile } from '@pageferry/measuring/programs';
import { describe, expect, test, vi } from 'vitest';
import { answerNumber, Content } from '../dist/messages/content.js';
import { groups } from '../dist/messages/groups.js';
import { interleave } from '../dist/messages/interleave.js';

vi.setConfig({ testTimeout: 120_000 });

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

/**
 * What `pnpm bench messages` prints for one short round.
 *
 * @param signal that of the test: whoever polls for ever ends with it.
 */
function shortRun(signal: AbortSignal, ...options: readonly string[]): Promise<string> {
  const words = ['messages', '--rounds', '1', '--trips', '1', ...options];
  return runFile(process.execPath, [MAIN, ...words], signal);
}

interface Printed {
  readonly machine: { readonly node: string };
  readonly results: readonly {
    readonly question: string;
    readonly subject: string;
    readonly ratio: Readonly<Record<'min' | 'median' | 'max', number>>;
  }[];
}

describe('values and streams', () => {
  test('are measured beside their yardsticks, with all of their bytes', async ({ signal }) => {
    const { machine, results } = JSON.parse(await shortRun(signal, '--json')) as Printed;
    expect(machine.node).toBe(process.version);
    const questions = groups.flatMap(({ aims }) => [...aims.keys()]);
    expect(new Set(results.map(({ question }) => question))).toEqual(new Set(questions));
    for (const { subject, ratio } of results) {
      expect(subject).not.toBe('');
      expect(ratio.min).toBeGreaterThan(0);
      expect(ratio).toEqual({ min: ratio.min, median: ratio.min, max: ratio.min });
    }
  });

  test('are printed with what is aimed at', async ({ signal }) => {
    const text = await shortRun(signal, '--only', 'stream-64k');
    expect(text).toMatch(/│ stream-64k +│ toWritable, toReadable +│ .* │ 3 +│/);
    expect(text).not.toContain('object-1k');
  });
});

test('a byte that is wrong ends the run', () => {
  const content = new Content();
  const pixels = new Uint8Array(1000);
  content.fill(pixels, answerNumber(255));
  const meta = { number: 0, computed: 0 };
  expect(content.check({ meta, pixels }, 0, 1000)).toBeGreaterThanOrEqual(0);
  expect(() => content.check({ meta, pixels }, 1, 1000)).toThrow('not what was sent');
  pixels[999] = 1;
  expect(() => content.check({ meta, pixels }, 0, 1000)).toThrow('not what was sent');
  expect(() => content.check({ meta, pixels: pixels.subarray(0, 999) }, 0, 1000)).toThrow(
    'not what was sent',
  );
});

test('a subject and its yardstick take turns, and one yardstick serves several', async () => {
  const order: string[] = [];
  const taking = (name: string, nanoseconds: number) => async () => {
    order.push(name);
    return { nanoseconds };
  };
  const yardstick = taking('yardstick', 100);
  const comparisons = [
    { question: 'q', subject: 'one', yardstick, run: taking('one', 50) },
    { question: 'q', subject: 'two', yardstick, run: taking('two', 200) },
    { question: 'r', subject: 'other', yardstick, run: taking('other', 1) },
  ];
  const volume = { asked: ['q'], trips: 1, log: () => undefined };
  expect(await interleave(comparisons, 2, volume)).toEqual([
    { question: 'q', subject: 'one', ratios: [2, 2] },
    { question: 'q', subject: 'two', ratios: [0.5, 0.5] },
  ]);
  expect(order).toEqual(['yardstick', 'one', 'two', 'yardstick', 'one', 'two']);
});
