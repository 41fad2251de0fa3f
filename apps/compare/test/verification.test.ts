import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { compare } from '../dist/comparison.js';
import { type Cell, collect } from '../dist/results/collect.js';
import { channelSubject } from '../dist/subjects/channel-subject.js';
import { subjects } from '../dist/subjects/subjects.js';

const folder = mkdtempSync(join(tmpdir(), 'pageferry-compare-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const CASE = { scenario: 'work', payloadBytes: 4096, receivers: 1 } as const;
const HONEST = subjects.filter(({ name }) => name === 'unix-socket');
const PROGRESS = { note() {}, start() {}, done() {}, stop() {} };

/** The Unix socket of plain Node with a fault. */
function spoiling(fault: string) {
  return channelSubject({
    name: `socket that ${fault}`,
    kind: 'node',
    description: 'a fixture',
    channel: {
      module: new URL('./fixtures/spoiling-channel.mjs', import.meta.url).href,
      settings: { over: 'unix', fault },
    },
    takesPart: () => true,
  });
}

async function resultsOf(fault: string, scenario: 'work' | 'fan-out' = 'work') {
  const cells: Cell[] = [];
  const plan = {
    cases: [{ ...CASE, scenario, receivers: scenario === 'work' ? 1 : 2 }],
    subjects: [spoiling(fault), ...HONEST],
    askedFor: true,
    runs: 1,
    timing: { warmUpMilliseconds: 5, measureMilliseconds: 10 },
  };
  const signal = new AbortController().signal;
  await compare(plan, cells, { folder, signal }, PROGRESS);
  return collect(cells);
}

describe('a subject cannot win', () => {
  it('if it changes a byte', async () => {
    const [spoiled, honest] = await resultsOf('changes');
    expect(spoiled).toMatchObject({
      runs: 0,
      failure: { kind: 'spoiled', reason: 'what arrived is not what was sent' },
    });
    expect(spoiled?.gibPerSecond).toBeUndefined();
    expect(honest?.ratioToBestNode).toBe(1);
  });

  it('if it drops a message', async () => {
    const [spoiled, honest] = await resultsOf('drops');
    expect(spoiled?.failure).toEqual({
      kind: 'spoiled',
      reason: 'the channel ended 1 messages early',
    });
    expect(honest?.ratioToBestNode).toBe(1);
  });

  it('if one of its receivers dies', async () => {
    const [failed, honest] = await resultsOf('dies', 'fan-out');
    expect(failed?.failure).toMatchObject({ kind: 'failed' });
    // Whichever is noticed first: its end, or its socket's.
    expect(failed?.failure?.reason).toMatch(/ended with 3|ECONNRESET|EPIPE|early/);
    expect(honest?.runs).toBe(1);
  });
});

describe.concurrent('every channel', () => {
  const scenarios = ['handoff', 'rtt', 'to-file', 'to-tcp'] as const;
  const pairs = subjects
    .filter(({ kind }) => kind === 'pageferry' || kind === 'node' || kind === 'other')
    .flatMap((subject) =>
      scenarios.map((scenario) => ({
        subject,
        name: subject.name,
        each: {
          scenario,
          payloadBytes: 70_001,
          receivers: 1,
          waiting: scenario === 'rtt' ? ('parked' as const) : undefined,
        },
      })),
    )
    .filter(({ subject, each }) => subject.takesPart(each));

  it.for(pairs)('brings every byte: $name, $each.scenario', async ({ subject, each }, { skip }) => {
    const around = { folder, signal: new AbortController().signal };
    const unfit = await subject.prepare(around);
    if (unfit !== undefined) skip(`${unfit.kind}: ${unfit.reason}`);
    expect(await subject.verify(each, around)).toBeUndefined();
  });
});
