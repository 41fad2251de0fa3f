import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { buildProgram, runFile } from '@pageferry/measuring/programs';
import { describe, expect, test, vi } from 'vitest';
import { aimsFrom, type Finding, findingsFrom } from '../dist/shared/findings.js';
import {
  ONE_BY_ONE,
  PARKED,
  PROTOCOL,
  PROTOCOL_ONE_BY_ONE,
  REQUEST,
  REQUEST_ONE_BY_ONE,
  SPINNING,
  TRANSPORT,
} from '../dist/shared/measurements.js';
import type { Row } from '../dist/shared/rounds.js';

vi.setConfig({ testTimeout: 60_000 });

const run = promisify(execFile);
const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const FIXTURE = new URL('./fixtures/without-channels.mjs', import.meta.url).href;

/**
 * What `pnpm bench shared` prints for the round trips: few of them, once.
 *
 * @param signal that of the test: whoever polls for ever ends with it.
 */
function roundTrips(signal: AbortSignal, ...options: readonly string[]): Promise<string> {
  const words = ['shared', '--only', 'round trip', '--rounds', '1', '--count', '100', ...options];
  return runFile(process.execPath, [MAIN, ...words], signal);
}

/** What `--json` prints, as far as it is looked at here. */
interface Printed {
  readonly maxChannels: number;
  readonly measured: readonly {
    readonly task: string;
    readonly subject: string;
    readonly count: number;
    readonly nanoseconds: readonly number[];
    readonly senderNanoseconds: readonly number[];
  }[];
  readonly findings: readonly Finding[];
  readonly aims: readonly { readonly what: string; readonly isReached: boolean }[];
}

const BY_REQUEST = [
  [SPINNING, REQUEST, TRANSPORT, 1.2],
  [SPINNING, REQUEST_ONE_BY_ONE, ONE_BY_ONE, 1.2],
  [PARKED, REQUEST, TRANSPORT, 1],
] as const;

const AIM =
  'A polled round trip by request should cost at most 1.2 times the two-connection ping-pong; ' +
  'a parked one at most 1.0';

describe('round trips of a transport with channels', () => {
  test('go by request, too, beside those over two connections in the same run', async ({
    signal,
  }) => {
    const { maxChannels, measured, findings, aims } = JSON.parse(
      await roundTrips(signal, '--json'),
    ) as Printed;
    expect(maxChannels).toBeGreaterThan(0);
    for (const [task, request, beside, atMost] of BY_REQUEST) {
      const [own, other] = [request, beside].map((subject) =>
        measured.find((each) => each.task === task && each.subject === subject),
      );
      expect(own?.count).toBe(other?.count);
      expect(own?.nanoseconds).toEqual([expect.any(Number)]);
      expect(own?.senderNanoseconds).toEqual([expect.any(Number)]);
      const ratio = Number(own?.nanoseconds[0]) / Number(other?.nanoseconds[0]);
      const what = `round trip, ${task}, ${request}: to two connections`;
      expect(findings.filter((finding) => finding.what === what)).toEqual([
        { what, unit: 'times', spread: { min: ratio, median: ratio, max: ratio }, atMost },
      ]);
    }
    expect(aims).toEqual([{ what: AIM, isReached: expect.any(Boolean) }]);
  });

  test('are in the table, and the aim is the last of the findings', async ({ signal }) => {
    const text = await roundTrips(signal);
    expect(text).toMatch(/both polling +│ request over one channel /);
    expect(text).toMatch(/both polling +│ request, one thing after the other /);
    expect(text).toMatch(/both asleep +│ request over one channel /);
    expect(text).toMatch(/both asleep, request .*: to two connections: .* \(aim: at most 1\.0\)$/m);
    const last = text.trim().split('\n').at(-1)?.trim() ?? '';
    expect(last.replace('not reached', 'reached')).toBe(`${AIM}: reached, by the medians`);
    expect(text).not.toContain('no channels');
  });
});

describe.skipIf((await buildProgram('protocol_limit')) === undefined)(
  'C in the same protocol',
  () => {
    const subjects = [PROTOCOL, PROTOCOL_ONE_BY_ONE];

    test('throws the same ball to and fro', async ({ signal }) => {
      const { measured, findings } = JSON.parse(await roundTrips(signal, '--json')) as Printed;
      for (const [index, subject] of subjects.entries()) {
        const own = measured.find((each) => each.task === SPINNING && each.subject === subject);
        expect(Number(own?.nanoseconds[0])).toBeGreaterThan(0);
        expect(Number(own?.senderNanoseconds[0])).toBeGreaterThan(0);
        const beside = [TRANSPORT, ONE_BY_ONE][index];
        const what = `round trip, ${SPINNING}, ${beside}: to ${subject}`;
        expect(findings.filter((finding) => finding.what === what)).toHaveLength(1);
      }
    });

    test.each([
      ['handoff', 4096, 100, 64],
      ['fanout', 3, 64, 100, 1024],
      ['pingpong', 100, 'ahead'],
      ['pingpong', 100, 'asleep'],
    ])('does %s, and leaves nothing behind', async (...words) => {
      const program = String(await buildProgram('protocol_limit'));
      const TMPDIR = mkdtempSync(join(tmpdir(), 'pageferry-'));
      try {
        const { stdout } = await run(program, words.map(String), {
          env: { ...process.env, TMPDIR },
        });
        expect(stdout).toMatch(/^[1-9]\d* [1-9]\d*\n$/);
        expect(readdirSync(TMPDIR)).toEqual([]);
      } finally {
        rmSync(TMPDIR, { recursive: true });
      }
    });

    test('is nothing to compare a transport of another protocol with', async ({ signal }) => {
      const transport = ['--transport', `${FIXTURE}#withoutChannels`];
      const text = await roundTrips(signal, ...transport, '--json');
      const { measured } = JSON.parse(text) as Printed;
      expect(measured.filter(({ subject }) => subjects.includes(subject))).toEqual([]);
    });
  },
);

describe('round trips of a transport without channels', () => {
  const transport = ['--transport', `${FIXTURE}#withoutChannels`];

  test('go over two connections alone, which is said at the beginning', async ({ signal }) => {
    const text = await roundTrips(signal, ...transport);
    expect(text).toMatch(/withoutChannels, which has no channels, so that nothing is requested$/m);
    expect(text).toMatch(/both polling +│ transport /);
    expect(text).not.toContain('request over one channel');
    expect(text).not.toContain('A polled round trip by request');
  });

  test('say so in the JSON', async ({ signal }) => {
    const printed = JSON.parse(await roundTrips(signal, ...transport, '--json')) as Printed;
    expect(printed.maxChannels).toBe(0);
    expect(printed.aims).toEqual([]);
    expect(printed.findings.filter(({ atMost }) => atMost !== undefined)).toEqual([]);
    expect(printed.measured.map(({ subject }) => subject)).toContain(TRANSPORT);
  });
});

describe('the aim', () => {
  type Rounds = [number, number, number];

  /** Rows in which a round trip by request takes so many times as long, in each of three rounds. */
  function findingsOf(times: readonly Rounds[]): readonly Finding[] {
    const rows = BY_REQUEST.flatMap(([task, request, beside], index): Row[] => {
      const row = (subject: string, nanoseconds: readonly number[]): Row => ({
        measurement: {
          ...{ question: 'round trip', task, subject, count: 1 },
          run: () => Promise.reject(new Error('not asked')),
        },
        nanoseconds,
        senderNanoseconds: [],
      });
      const own = times[index]?.map((each) => each * 1000) ?? [];
      return [row(request, own), row(beside, [1000, 1000, 1000])];
    });
    return findingsFrom(rows);
  }

  test.each<[boolean, Rounds, Rounds, Rounds]>([
    [true, [1.1, 1.2, 3], [0.9, 1.2, 1.2], [0.5, 1, 2]],
    [false, [1.1, 1.3, 3], [1, 1, 1], [1, 1, 1]],
    [false, [1, 1, 1], [1, 1.3, 2], [1, 1, 1]],
    [false, [1, 1, 1], [1, 1, 1], [0.5, 1.1, 2]],
  ])('is %s of the medians %j, %j and %j', (isReached, ...times) => {
    expect(aimsFrom(findingsOf(times))).toEqual([{ what: AIM, isReached }]);
  });
});
