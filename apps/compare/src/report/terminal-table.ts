import { renderTable } from '@pageferry/measuring/tables';
import { formatBytes, formatNanoseconds, formatNumber } from '@pageferry/measuring/units';
import type { ScenarioName } from '../plan/scenarios.js';
import { doubtsOf, rangeOf } from '../results/doubts.js';
import { caseKeyOf, type Result } from '../results/results.js';

/** Colors a text where there are colors. */
export type Paint = (style: 'bold' | 'red', text: string) => string;

interface Column {
  readonly title: string;
  readonly show: (row: Result) => string;
}

/** Of a line: terminals are at least so wide. */
const COLUMNS = 80;
const LONGEST_NAME = 'shared-mmap-ffi'.length;

const number = (value: number | undefined) => (value === undefined ? '' : formatNumber(value));
const time = (value: number | undefined) => (value === undefined ? '' : formatNanoseconds(value));

const RATE: readonly Column[] = [
  { title: 'GiB/s', show: (row) => number(row.gibPerSecond?.median) },
  { title: 'CPU s\nper GiB', show: (row) => number(row.cpuSecondsPerGib?.median) },
];
const MESSAGE: Column = { title: 'a\nmessage', show: (row) => time(row.nsPerMessage?.median) };
const MEAN: Column = { title: 'mean', show: (row) => time(row.nsPerMessage?.median) };
/** With several under way: the time between two answers, which is less than what each of them took. */
const REQUEST: Column = { title: 'a\nrequest', show: (row) => time(row.nsPerMessage?.median) };
const ROUND_TRIP: readonly Column[] = [
  { title: '50 %', show: (row) => time(row.rttNs?.p50) },
  { title: '99 %', show: (row) => time(row.rttNs?.p99) },
  { title: '99.9 %', show: (row) => time(row.rttNs?.p999) },
];
const RANGE: Column = { title: 'range', show: (row) => number(rangeOf(row)) };
const RATIOS: readonly Column[] = [
  { title: 'to C', show: (row) => number(row.ratioToLimit) },
  { title: 'to\nNode', show: (row) => number(row.ratioToBestNode) },
];
const DOUBT: Column = { title: 'doubt', show: (row) => doubtsOf(row).join('\n') };

/** A table of the rows of one scenario: a heading for each case, a line for each subject. */
export function renderRows(rows: readonly Result[], paint: Paint, colors: boolean): string {
  const columns = columnsFor(rows);
  const head = ['subject', ...columns.map(({ title }) => title)];
  let previous = '';
  const cells = rows.flatMap((row) => {
    const key = caseKeyOf(row);
    const heading = { colSpan: head.length, content: paint('bold', caseOf(row)) };
    const line = [nameOf(row, paint), ...contentOf(row, columns, paint)];
    if (key === previous) return [line];
    previous = key;
    return [[heading], line];
  });
  return renderTable(head, cells, { figuresFrom: 1, colors, narrow: true });
}

/** What says something about these rows: what handing over costs is no rate, and one run has no range. */
function columnsFor(rows: readonly Result[]): readonly Column[] {
  const [{ scenario } = { scenario: 'work' as const }] = rows;
  const figures: Partial<Record<ScenarioName, readonly Column[]>> = {
    rtt: [MEAN, ...ROUND_TRIP],
    request: [REQUEST, ...ROUND_TRIP],
    handoff: [MESSAGE],
  };
  return [
    ...(figures[scenario] ?? [...RATE, MESSAGE]),
    ...(rows.some(({ runs }) => runs > 1) ? [RANGE] : []),
    ...RATIOS,
    ...(rows.some((row) => doubtsOf(row).length > 0) ? [DOUBT] : []),
  ];
}

function contentOf(row: Result, columns: readonly Column[], paint: Paint) {
  const { failure } = row;
  if (failure === undefined) return columns.map(({ show }) => show(row));
  // As much of it as there is room for: the words below have all of it.
  const room = COLUMNS - LONGEST_NAME - 2;
  const why = `${failure.kind}: ${failure.reason}`;
  const content = paint('red', why.length > room ? `${why.slice(0, room - 1)}…` : why);
  return [{ colSpan: columns.length, content, hAlign: 'left' as const }];
}

function nameOf({ subject, kind }: Result, paint: Paint): string {
  return kind === 'pageferry' ? paint('bold', subject) : subject;
}

const WAITING: Readonly<Record<string, string>> = {
  spinning: ', both sides poll',
  parked: ', both sides asleep until woken',
};

function caseOf({ scenario, payloadBytes, knobs }: Result): string {
  const size = formatBytes(payloadBytes);
  if (scenario === 'fan-out') return `${size}, ${knobs['receivers']} receivers`;
  if (scenario === 'request') return `${size}, ${knobs['underWay']} under way`;
  return `${size}${WAITING[String(knobs['waiting'])] ?? ''}`;
}
