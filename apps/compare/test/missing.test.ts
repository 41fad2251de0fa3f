import { tmpdir } from 'node:os';
import { describe, expect, it, vi } from 'vitest';
import { compare } from '../dist/comparison.js';
import { renderTerminal } from '../dist/report/terminal.js';
import { inWords } from '../dist/report/words.js';
import { type Cell, collect } from '../dist/results/collect.js';
import { channelSubject } from '../dist/subjects/channel-subject.js';
import { subjects } from '../dist/subjects/subjects.js';
import { sampleResults } from './sample-results.js';

const socket = vi.hoisted(() => ({ capabilities: { maxChannels: 0 } }));
vi.mock('@pageferry/socket', () => ({ socketTransport: socket }));

const REQUEST = { scenario: 'request', payloadBytes: 64, receivers: 1, underWay: 1 } as const;
const HANDOFF = { scenario: 'handoff', payloadBytes: 64, receivers: 1 } as const;

describe('a package that is not installed', () => {
  const missing = channelSubject({
    name: 'nowhere',
    kind: 'other',
    description: 'a fixture',
    channel: { module: '', settings: {} },
    requests: '',
    takesPart: () => true,
    load: () => import('nowhere' as string).catch(() => Promise.reject(new Error('not installed'))),
  });

  it('is shown as missing in each case, whether it was named or not', async () => {
    const cells: Cell[] = [];
    const timing = { warmUpMilliseconds: 5, measureMilliseconds: 10 };
    const plan = { cases: [HANDOFF, REQUEST], subjects: [missing], runs: 1, timing };
    const around = { folder: tmpdir(), signal: new AbortController().signal };
    await compare(plan, cells, around, { note() {}, start() {}, done() {}, stop() {} });
    const results = { ...sampleResults([]), results: collect(cells) };
    const failure = { kind: 'unavailable', reason: 'not installed' };
    expect(results.results).toMatchObject([
      { scenario: 'handoff', subject: 'nowhere', runs: 0, failure },
      { scenario: 'request', subject: 'nowhere', runs: 0, failure },
    ]);
    const lines = renderTerminal(results).split('\n');
    const line = /^nowhere +unavailable: not installed$/;
    expect(lines.filter((each) => line.test(each))).toHaveLength(2);
    expect(inWords(results)).toContainEqual(
      expect.stringContaining('**nowhere**: unavailable (not installed)'),
    );
  });
});

describe('a backend', () => {
  const backend = subjects.find(({ name }) => name === 'socket');

  it('without channels is shown as missing where there are requests, and has its part elsewhere', async () => {
    socket.capabilities.maxChannels = 0;
    expect(backend?.takesPart(REQUEST)).toBe(true);
    expect(await backend?.prepare(REQUEST)).toEqual({
      kind: 'unavailable',
      reason: 'this backend has no channels',
    });
    expect(await backend?.prepare(HANDOFF)).toBeUndefined();
  });

  it('with channels has its part where there are requests', async () => {
    socket.capabilities.maxChannels = 1;
    expect(await backend?.prepare(REQUEST)).toBeUndefined();
  });
});

describe('requests', () => {
  it('are for those that have a way to ask', () => {
    const names = subjects.filter((each) => each.takesPart(REQUEST)).map(({ name }) => name);
    expect(names).toEqual([
      ...['shared-mmap', 'shared-mmap-ffi', 'vmsplice-napi', 'vmsplice-ffi', 'socket'],
      ...['ipc-advanced', 'unix-socket', 'worker-transfer', 'worker-copy', 'zeromq'],
      'c-shared-memory',
    ]);
  });
});
