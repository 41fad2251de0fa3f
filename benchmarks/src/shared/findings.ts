import { combineRounds, type Spread, spread } from '@pageferry/measuring/statistics';
import {
  AWAITED_REQUEST,
  CHANNELS,
  LIMIT,
  LIMIT_POLLING,
  ONE_BY_ONE,
  PARKED,
  PROTOCOL,
  PROTOCOL_ONE_BY_ONE,
  type Question,
  RECEIVERS,
  REQUEST,
  REQUEST_ONE_BY_ONE,
  receiversName,
  SPINNING,
  sizeName,
  TRANSPORT,
  WAYS,
} from './measurements.js';
import type { Row } from './rounds.js';

/** One figure that several measurements of the same round yield. */
export interface Finding {
  readonly what: string;
  readonly unit: 'times' | 'ns';
  readonly spread: Spread;
  /** What its median should not exceed; absent where there is no aim. */
  readonly atMost?: number;
}

/** What several findings together should come to. */
export interface Aim {
  readonly what: string;
  /** Whether the median of each of them is what it should be. */
  readonly isReached: boolean;
}

/** The most that a round trip by request should take, in round trips over two connections. */
const REQUESTS_AT_MOST = { [SPINNING]: 1.2, [PARKED]: 1 } as const;

const BY_REQUEST =
  `A polled round trip by request should cost at most ${REQUESTS_AT_MOST[SPINNING]} times the two-connection ping-pong; ` +
  `a parked one at most ${REQUESTS_AT_MOST[PARKED].toFixed(1)}`;

/** With more processes than processors, what a receiver adds is its own work, too. */
const STEPS = RECEIVERS.slice(1).map((many, index) => [RECEIVERS[index] as number, many] as const);
const [FEWEST, MOST] = [RECEIVERS[0], RECEIVERS.at(-1) as number];

/** Round trips by request, and over two connections in the same way. */
const REQUESTS = [
  [REQUEST, TRANSPORT],
  [REQUEST_ONE_BY_ONE, ONE_BY_ONE],
] as const;

const divide = (above = Number.NaN, below = Number.NaN): number => above / below;

/** What the rows say together. Questions that were not asked, and a limit that is missing, are left out. */
export function findingsFrom(rows: readonly Row[]): readonly Finding[] {
  const findRow = (question: Question, task: string, subject: string): Row | undefined =>
    rows.find(
      ({ measurement: each }) =>
        each.question === question && each.task === task && each.subject === subject,
    );
  const find = (question: Question, task: string, subject: string): readonly number[] | undefined =>
    findRow(question, task, subject)?.nanoseconds;

  const findings: Finding[] = [];
  function add(
    what: string,
    unit: Finding['unit'],
    lists: readonly (readonly number[] | undefined)[],
    combine: (...values: number[]) => number,
    atMost?: number,
  ): void {
    const known = lists.filter((list) => list !== undefined);
    if (known.length !== lists.length || known.length === 0) return;
    const figure = { what, unit, spread: spread(combineRounds(known, combine)) };
    findings.push(atMost === undefined ? figure : { ...figure, atMost });
  }

  const sizes = [...new Set(rows.map(({ measurement }) => measurement))]
    .filter(({ question, subject }) => question === 'hand-off' && subject === WAYS.try)
    .map(({ task }) => task);
  for (const size of sizes) {
    for (const limit of [LIMIT, LIMIT_POLLING, PROTOCOL]) {
      const lists = [find('hand-off', size, WAYS.try), find('hand-off', size, limit)];
      add(`hand-off of ${size}: to ${limit}`, 'times', lists, divide);
    }
  }
  const [smallest, largest] = [sizes[0], sizes.at(-1)];
  if (sizes.length > 1 && smallest !== undefined && largest !== undefined) {
    const lists = [largest, smallest].map((size) => find('hand-off', size, WAYS.try));
    add(`hand-off: ${largest} to ${smallest}`, 'times', lists, divide);
  }

  const copied = sizeName(2 ** 20);
  const copy = find('copy', copied, WAYS.try);
  add(`${copied} copied and scanned: to C`, 'times', [copy, find('copy', copied, LIMIT)], divide);
  const channels = Object.values(CHANNELS).map((channel) => find('copy', copied, channel));
  add(
    `${copied} copied and scanned: the best of Node's channels to it`,
    'times',
    [copy, ...channels],
    (own, ...others) => Math.min(...others) / own,
  );

  for (const task of [SPINNING, PARKED] as const) {
    for (const subject of [TRANSPORT, ONE_BY_ONE]) {
      const sameProtocol = subject === TRANSPORT ? PROTOCOL : PROTOCOL_ONE_BY_ONE;
      for (const limit of [LIMIT, LIMIT_POLLING, sameProtocol]) {
        const lists = [find('round trip', task, subject), find('round trip', task, limit)];
        add(`round trip, ${task}, ${subject}: to ${limit}`, 'times', lists, divide);
      }
    }
    for (const [request, beside] of REQUESTS) {
      const lists = [find('round trip', task, request), find('round trip', task, beside)];
      const what = `round trip, ${task}, ${request}: to two connections`;
      add(what, 'times', lists, divide, REQUESTS_AT_MOST[task]);
    }
    const awaited = [
      find('round trip', task, AWAITED_REQUEST),
      find('round trip', task, TRANSPORT),
    ];
    const what = `round trip, ${task}, ${AWAITED_REQUEST}: to two connections`;
    add(what, 'times', awaited, divide);
  }

  for (const subject of [WAYS.try, LIMIT, PROTOCOL]) {
    for (const [few, many] of STEPS) {
      const [below, above] = [few, many].map((count) =>
        findRow('fan-out', receiversName(count), subject),
      );
      const further = (least = 0, most = 0) => (most - least) / (many - few);
      const what = `fan-out, ${subject}, each receiver from ${few} to ${many}`;
      add(what, 'ns', [below?.nanoseconds, above?.nanoseconds], further);
      const sender = [below?.senderNanoseconds, above?.senderNanoseconds];
      add(`${what}: the sender's part`, 'ns', sender, further);
    }
    const ends = [MOST, FEWEST].map((count) => findRow('fan-out', receiversName(count), subject));
    add(
      `fan-out, ${subject}, the sender's part: ${receiversName(MOST)} to ${receiversName(FEWEST)}`,
      'times',
      ends.map((row) => row?.senderNanoseconds),
      divide,
    );
  }
  return findings;
}

/** Whether the findings are what they should be; nothing where they were not measured. */
export function aimsFrom(findings: readonly Finding[]): readonly Aim[] {
  const aimed = findings.filter(({ atMost }) => atMost !== undefined);
  if (aimed.length === 0) return [];
  const isReached = aimed.every(({ spread: { median }, atMost = 0 }) => median <= atMost);
  return [{ what: BY_REQUEST, isReached }];
}
