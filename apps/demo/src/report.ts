import { styleText } from 'node:util';
import Table from 'cli-table3';
import { formatBytes } from './units.js';
import { wrap } from './wrap.js';

/** What one backend does: one transfer of several. */
export interface Result {
  /** Name of the backend that was used. */
  readonly backend: string;
  readonly bytes: number;
  /** From before the sender reads its first byte until the receiver has written the last. */
  readonly seconds: number;
  readonly gibPerSecond: number;
  /** User and system time of both processes over that span, for each GiB. */
  readonly cpuSecondsPerGib: number;
  /** How often each byte was copied into or out of user memory between loan and destination. */
  readonly userSpaceCopies: number;
  /** Digest of what arrived. */
  readonly sha256: string;
  /** True if what arrived is what was sent. */
  readonly verified: boolean;
  /** Lines on what else is worth knowing, such as why the kernel's better way was not taken. */
  readonly notes: readonly string[];
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
  const { backend, bytes, seconds, gibPerSecond, verified } = outcome;
  const speed = `${formatBytes(bytes)} in ${seconds.toFixed(3)} s, ${gibPerSecond.toFixed(2)} GiB/s`;
  return `${backend}: ${speed}, ${verified ? 'SHA-256 verified' : 'SHA-256 DIFFERS'}`;
}

/** The results as JSON, with exactly the fields that are documented. */
export function toJson(outcomes: readonly Outcome[]): string {
  const results = outcomes.filter(isResult).map(({ notes, ...result }) => result);
  return JSON.stringify({ results }, null, 2);
}

const HEAD = [
  'backend',
  'bytes',
  'seconds',
  'GiB/s',
  'CPU s\nper GiB',
  'user-space\ncopies',
  'SHA-256\nverified',
];

/** What came of it, for people, in lines of at most `columns` columns. */
export function toText(outcomes: readonly Outcome[], colors: boolean, columns: number): string {
  const width = Math.min(columns, TABLE_WIDTH);
  const lines = columns < TABLE_WIDTH ? toList(outcomes, colors, width) : toTable(outcomes, colors);
  const notes = outcomes.flatMap(notesOf).map((note) => wrap(note, width));
  return [lines, ...notes, '', wrap(LEGEND, width)].join('\n');
}

const LEGEND =
  'Medians, after one round for warming up. The time is that from the first read of the file to the ' +
  'last write of the copy. Most of it goes into these two ends, which are the same for all: reading ' +
  'into the loan, and filling the page cache with the output file. What is in between is what the ' +
  'backends differ in: user-space copies says how often each byte is copied there into or out of user ' +
  'memory. CPU time is that of both processes.';

/** Columns of the table. */
const TABLE_WIDTH = 80;

function toTable(outcomes: readonly Outcome[], colors: boolean): string {
  const table = new Table({
    head: HEAD,
    colWidths: [15, 10, 9, 7, 9, 12, 10],
    colAligns: ['left', ...Array(6).fill('right')],
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
      const [, bytes, seconds, rate, cpu, copies, verified] = toRow(outcome, colors);
      return [
        name,
        wrap(`${bytes} in ${seconds} s, ${rate} GiB/s, ${cpu} CPU s per GiB`, width, '  '),
        wrap(`user-space copies: ${copies}; SHA-256 verified: ${verified}`, width, '  '),
      ];
    })
    .join('\n');
}

function toRow(result: Result, colors: boolean) {
  const paint = (color: 'green' | 'red', text: string) => (colors ? styleText(color, text) : text);
  return [
    result.backend,
    formatBytes(result.bytes),
    result.seconds.toFixed(3),
    result.gibPerSecond.toFixed(2),
    result.cpuSecondsPerGib.toFixed(2),
    result.userSpaceCopies,
    result.verified ? paint('green', 'yes') : paint('red', 'NO'),
  ];
}

function failureText({ usable, reason }: Failure): string {
  return `${usable ? 'failed' : 'not available'}: ${reason}`;
}

function failureToRow(failure: Failure) {
  const content = failureText(failure);
  return [failure.backend, { colSpan: HEAD.length - 1, content, hAlign: 'left' as const }];
}

function notesOf(outcome: Outcome): string[] {
  return isResult(outcome) ? [...outcome.notes] : [];
}
