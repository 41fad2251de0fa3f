import { styleText } from 'node:util';
import Table from 'cli-table3';
import { formatBytes, formatMicroseconds, microseconds } from './units.js';
import { wrap } from './wrap.js';

/** A question and its answer between two processes: the median of many, all of them right. Or why there were none. */
export type RoundTrip = { readonly seconds: number } | { readonly reason: string };

/** What one backend does: one transfer of several. */
export interface Transfer {
  /** Name of the backend that was used. */
  readonly backend: string;
  readonly bytes: number;
  /** From before the sender reads its first byte until the receiver has written the last. */
  readonly seconds: number;
  readonly gibPerSecond: number;
  /** User and system time of both processes over that span, for each GiB. */
  readonly cpuSecondsPerGib: number;
  /** How often each byte was copied into or out of user memory between loan and destination; `null` if nobody knows. */
  readonly userSpaceCopies: number | null;
  /** Digest of what arrived. */
  readonly sha256: string;
  /** True if what arrived is what was sent. */
  readonly verified: boolean;
  /** Lines on what else is worth knowing, such as why the kernel's better way was not taken. */
  readonly notes: readonly string[];
}

/** What one backend does, either way. */
export interface Result extends Transfer {
  readonly roundTrip: RoundTrip;
}

/** A backend that brought nothing across, and why. */
export interface Failure {
  readonly backend: string;
  /** False if the backend cannot be used on this machine at all. */
  readonly usable: boolean;
  readonly reason: string;
}

/** What became of one backend. */
export type Outcome = Result | Failure;

/** Tells a transfer from a failure. */
export function isResult(outcome: Outcome): outcome is Result {
  return 'bytes' in outcome;
}

/** One line about an outcome. */
export function toLine(outcome: Outcome): string {
  if (!isResult(outcome)) {
    return `${outcome.backend}: ${failureText(outcome)}`;
  }
  const { backend, bytes, seconds, gibPerSecond, verified, roundTrip } = outcome;
  const speed = `${formatBytes(bytes)} in ${seconds.toFixed(3)} s, ${gibPerSecond.toFixed(2)} GiB/s`;
  const trip = 'reason' in roundTrip ? '' : `, round trip ${formatMicroseconds(roundTrip.seconds)}`;
  return `${backend}: ${speed}, ${verified ? 'SHA-256 verified' : 'SHA-256 DIFFERS'}${trip}`;
}

/** The results as JSON, with exactly the fields that are documented. */
export function toJson(outcomes: readonly Outcome[]): string {
  const results = outcomes.filter(isResult).map(({ notes, roundTrip, ...result }) => ({
    ...result,
    ...('reason' in roundTrip
      ? { roundTripMicroseconds: null, roundTripReason: roundTrip.reason }
      : { roundTripMicroseconds: roundTrip.seconds * 1e6 }),
  }));
  return JSON.stringify({ results }, null, 2);
}

const HEAD = [
  'backend',
  'bytes',
  'time\n(s)',
  'GiB/s',
  'CPU s\n/GiB',
  'user-\nspace\ncopies',
  'SHA-256\nchecked',
  'round\ntrip\n(µs)',
];

/** What came of it, for people, in lines of at most `columns` columns, and how to read it. */
export function toText(
  outcomes: readonly Outcome[],
  colors: boolean,
  columns: number,
  legend = LEGEND,
): string {
  const width = Math.min(columns, TABLE_WIDTH);
  const lines = columns < TABLE_WIDTH ? toList(outcomes, colors, width) : toTable(outcomes, colors);
  const notes = outcomes.flatMap(notesOf).map((note) => wrap(note, width));
  return [lines, ...notes, '', wrap(legend, width)].join('\n');
}

const LEGEND =
  'Medians, after one round for warming up. The time is that from the first read of the file to the ' +
  'last write of the copy. Most of it goes into these two ends, which are the same for all: reading ' +
  'into the loan, and filling the page cache with the output file. What is in between is what the ' +
  'backends differ in: user-space copies says how often each byte is copied there into or out of user ' +
  'memory. CPU time is that of both processes. A round trip is a small question to another process and its ' +
  'answer, which is compared byte for byte.';

/** How to read what has gone across hosts. */
export const LEGEND_ACROSS =
  'Medians, after one round for warming up. The time is that from the first read of the file to the last ' +
  'write of the copy. In between, each byte goes to a server, which keeps it until the receiver has it, and ' +
  'from there to the receiver. CPU time is that of the two processes, without the server.';

/** Columns of the table. */
const TABLE_WIDTH = 80;

function toTable(outcomes: readonly Outcome[], colors: boolean): string {
  const table = new Table({
    head: HEAD,
    colWidths: [15, 10, 7, 7, 7, 8, 9, 8],
    colAligns: ['left', ...Array(7).fill('right')],
    wordWrap: true,
    style: {
      head: colors ? ['bold'] : [],
      border: colors ? ['gray'] : [],
      compact: true,
    },
  });
  for (const outcome of outcomes) {
    table.push(isResult(outcome) ? toRow(outcome, colors) : failureToRow(outcome));
  }
  return table.toString();
}

/** The same where a table would not fit: one paragraph for each backend. */
function toList(outcomes: readonly Outcome[], colors: boolean, width: number): string {
  return outcomes
    .flatMap((outcome) => {
      const name = colors ? styleText('bold', outcome.backend) : outcome.backend;
      if (!isResult(outcome)) return [name, wrap(failureText(outcome), width, '  ')];
      const [, bytes, seconds, rate, cpu, copies, verified, trip] = toRow(outcome, colors);
      return [
        name,
        wrap(`${bytes} in ${seconds} s, ${rate} GiB/s, ${cpu} CPU s per GiB`, width, '  '),
        wrap(`user-space copies: ${copies}; SHA-256 verified: ${verified}`, width, '  '),
        wrap(`round trip: ${trip === NONE ? NONE : `${trip} µs`}`, width, '  '),
      ];
    })
    .join('\n');
}

function toRow(result: Result, colors: boolean) {
  const paint = (color: 'green' | 'red', text: string) => (colors ? styleText(color, text) : text);
  return [
    result.backend,
    formatBytes(result.bytes),
    inFive(result.seconds),
    result.gibPerSecond.toFixed(2),
    result.cpuSecondsPerGib.toFixed(2),
    result.userSpaceCopies ?? NONE,
    result.verified ? paint('green', 'yes') : paint('red', 'NO'),
    'reason' in result.roundTrip ? NONE : microseconds(result.roundTrip.seconds),
  ];
}

/** What stands where there is no figure. */
const NONE = '-';

/** A time in at most five characters, as long as it is less than a day. */
function inFive(seconds: number): string {
  const digits = [10, 100, 1000].filter((limit) => seconds >= limit).length;
  return seconds.toFixed(3 - digits);
}

function failureText({ usable, reason }: Failure): string {
  return `${usable ? 'failed' : 'not available'}: ${reason}`;
}

function failureToRow(failure: Failure) {
  const content = failureText(failure);
  return [failure.backend, { colSpan: HEAD.length - 1, content, hAlign: 'left' as const }];
}

function notesOf(outcome: Outcome): string[] {
  if (!isResult(outcome)) return [];
  const { backend, notes, roundTrip } = outcome;
  return 'reason' in roundTrip
    ? [...notes, `${backend}: no round trip: ${roundTrip.reason}`]
    : [...notes];
}
