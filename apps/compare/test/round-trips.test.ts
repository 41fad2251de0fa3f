import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { AskingSide } from '../dist/channels/channel.js';
import { exchangeAll } from '../dist/peers/exchanges.js';
import { payloadOf } from '../dist/peers/payload.js';
import { channelSubject } from '../dist/subjects/channel-subject.js';
import { roundTripsIn } from '../dist/subjects/limits.js';
import { isFailure } from '../dist/subjects/subject.js';

const folder = mkdtempSync(join(tmpdir(), 'pageferry-compare-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('round trips are timed one by one in a pass of their own, and the mean has no clock in it', async () => {
  const subject = channelSubject({
    name: 'socket that counts looks at the clock',
    kind: 'node',
    description: 'a fixture',
    channel: {
      module: new URL('./fixtures/clock-counting-channel.mjs', import.meta.url).href,
      settings: { over: 'unix' },
    },
    takesPart: () => true,
  });
  const outcome = await subject.measure(
    { scenario: 'rtt', payloadBytes: 64, receivers: 1, waiting: 'parked' },
    { warmUpMilliseconds: 5, measureMilliseconds: 10 },
    { folder, signal: new AbortController().signal },
  );
  if (isFailure(outcome)) throw new Error(outcome.reason);
  const passes = String(outcome.knobs['looks'])
    .split(' ')
    .map((pass) => pass.split(':').map(Number) as [number, number]);
  const [count, looks] = passes.at(-1) as [number, number];
  expect(count).toBe(outcome.messages);
  expect(looks).toBeGreaterThanOrEqual(count);
  // The one before the last has V8 learn of the clock; the mean is of the one before that.
  expect(passes.at(-3)).toEqual([outcome.messages, 0]);
  expect(outcome.roundTrip?.p999).toBeGreaterThanOrEqual(outcome.roundTrip?.p50 ?? Number.NaN);
});

it.each([
  [1, 16, 1],
  [16, 1, 1],
  [37, 16, 16],
])(
  'of %i round trips with %i lanes, %i are under way, and each is timed',
  async (count, lanes, most) => {
    const shares: number[] = [];
    let underWay = 0;
    let mostUnderWay = 0;
    const side: AskingSide = {
      knobs: {},
      async exchange(share, _write, _see, answered) {
        shares.push(share);
        for (let left = share; left > 0; left--) {
          mostUnderWay = Math.max(mostUnderWay, ++underWay);
          await null;
          underWay--;
          answered();
        }
      },
      async close() {},
    };
    const task = { scenario: 'request', payloadBytes: 64, receivers: 1 } as const;
    const channel = { module: '', settings: {} };
    const timing = { warmUpMilliseconds: 0, measureMilliseconds: 0 };
    const payload = payloadOf({ ...task, ...timing, channel, folder: '', verify: false });
    const times = new Float64Array(count).fill(-1);
    await exchangeAll(side, count, lanes, payload, times);
    expect(mostUnderWay).toBe(most);
    expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
    expect(Math.min(...times)).toBeGreaterThanOrEqual(0);
  },
);

it('round trips in C are as many as fit into the time, whatever keeps them from being fast', () => {
  expect(roundTripsIn(100, 200, true)).toBe(500_000); // A quiet machine: 100 ms of them.
  expect(roundTripsIn(100, 50_000, true)).toBe(2000); // One where the two sides share a processor.
  expect(roundTripsIn(100, 10_000_000, true)).toBe(1000); // Never so few that there is no tail.
  expect(roundTripsIn(100, 1, false)).toBe(10_000); // Nor more than there is use for.
});
