import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { compare } from '../dist/comparison.js';
import type { Case } from '../dist/plan/cases.js';
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
    requests: new URL('./fixtures/spoiling-requests.mjs', import.meta.url).href,
    takesPart: () => true,
  });
}

async function resultsOf(fault: string, change: Partial<Case> = {}) {
  const cells: Cell[] = [];
  const plan = {
    cases: [{ ...CASE, ...change }],
    subjects: [spoiling(fault), ...HONEST],
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
    const [failed, honest] = await resultsOf('dies', { scenario: 'fan-out', receivers: 2 });
    expect(failed?.failure).toMatchObject({ kind: 'failed' });
    // Whichever is noticed first: its end, its socket's, or that of the sender, which has nobody to catch that error.
    expect(failed?.failure?.reason).toMatch(
      /ended with 3|the sender ended with 1|ECONNRESET|EPIPE|early/,
    );
    expect(honest?.runs).toBe(1);
  });
});

describe('who answers requests cannot win', () => {
  it.each([
    ['changes a byte of an answer', 1],
    ['changes a byte of an answer', 16],
    ['answers other questions', 16],
  ])('if it %s, with %i under way', async (fault, underWay) => {
    const [spoiled, honest] = await resultsOf(fault, { scenario: 'request', underWay });
    expect(spoiled).toMatchObject({
      runs: 0,
      failure: { kind: 'spoiled', reason: 'an answer is not what its message was' },
    });
    expect(spoiled?.rttNs).toBeUndefined();
    expect(honest).toMatchObject({ runs: 1, ratioToBestNode: 1, knobs: { underWay } });
    expect(honest?.rttNs?.p50).toBeGreaterThan(0);
  });

  it('if it changes a byte of a question', async () => {
    const [spoiled] = await resultsOf('changes a question', { scenario: 'request', underWay: 16 });
    expect(spoiled?.failure).toEqual({
      kind: 'spoiled',
      reason: 'what arrived is not what was sent',
    });
  });
});

describe.concurrent('every channel', () => {
  const cases: readonly Pick<Case, 'scenario' | 'waiting' | 'underWay'>[] = [
    { scenario: 'handoff' },
    { scenario: 'rtt', waiting: 'parked' },
    { scenario: 'request', underWay: 1 },
    { scenario: 'request', underWay: 16 },
    { scenario: 'to-file' },
    { scenario: 'to-tcp' },
  ];
  const pairs = subjects
    .filter(({ kind }) => kind === 'pageferry' || kind === 'node' || kind === 'other')
    .flatMap((subject) =>
      cases.map((change) => ({
        subject,
        name: [subject.name, ...Object.values(change)].join(', '),
        each: { payloadBytes: 70_001, receivers: 1, ...change },
      })),
    )
    .filter(({ subject, each }) => subject.takesPart(each));

  it.for(pairs)('brings every byte: $name', async ({ subject, each }, { skip }) => {
    const around = { folder, signal: new AbortController().signal };
    const unfit = await subject.prepare(each);
    if (unfit !== undefined) skip(`${unfit.kind}: ${unfit.reason}`);
    expect(await subject.verify(each, around)).toBeUndefined();
  });
});
