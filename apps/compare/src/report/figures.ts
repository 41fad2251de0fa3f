import type { Spread } from '@pageferry/measuring/statistics';
import { formatBytes, formatNanoseconds, formatNumber } from '@pageferry/measuring/units';
import type { ScenarioName } from '../plan/scenarios.js';
import { scenarios } from '../plan/scenarios.js';
import type { Result, Results } from '../results/results.js';
import {
  drawLines,
  drawRows,
  formatSizeTick,
  type Line,
  type LinePlot,
  type PlotWidth,
  type Row,
} from './plot.js';

/** One plot of the report with what belongs to it. */
export interface Figure {
  /** For links. */
  readonly id: string;
  readonly title: string;
  /** What is shown, and how to read it. */
  readonly caption: string;
  /** Who is in it. */
  readonly subjects: readonly Pick<Result, 'subject' | 'kind'>[];
  /** True if subjects are not named in the narrow plot, and need a legend. */
  readonly legend: boolean;
  /** The plot as SVG. */
  readonly draw: (width: PlotWidth) => string;
}

/** What a mark shows: a median and a range, where there was more than one run. */
function marks(rows: readonly Result[], from = 'the slowest', to = 'the fastest'): string {
  return rows.some(({ runs }) => runs > 1)
    ? `The dot is the median of the runs, the bar behind it reaches from ${from} to ${to}.`
    : 'The dot is a single run.';
}

/** The figures for which there are results, in the order of the report. */
export function figuresOf(results: Results): readonly Figure[] {
  const measured = results.results.filter(({ failure }) => failure === undefined);
  return [
    throughput(measured),
    handoff(measured),
    latency(measured),
    requests(measured),
    processorTime(measured),
    fanOut(measured),
    destinations(measured),
    across(measured),
  ].filter((figure) => figure !== undefined);
}

/** Throughput against size: the plot that says most. */
export function throughput(measured: readonly Result[]): Figure | undefined {
  return lineFigure(measured, 'work', {
    id: 'throughput',
    title: 'Throughput against message size',
    caption: `${scenarios.work.work} Both axes are logarithmic; higher is better. ${marks(measured)}`,
    x: ({ payloadBytes }) => payloadBytes,
    y: ({ gibPerSecond }) => gibPerSecond,
    plot: {
      xLabel: 'bytes in a message',
      yLabel: '↑ GiB/s',
      formatX: formatSizeTick,
      formatY: formatNumberTick,
    },
    describe: (result) => `${formatNumber(result.gibPerSecond?.median ?? 0)} GiB/s`,
  });
}

function handoff(measured: readonly Result[]): Figure | undefined {
  return lineFigure(measured, 'handoff', {
    id: 'handoff',
    title: 'What handing a message over costs',
    caption: `${scenarios.handoff.work} Who copies takes longer for larger messages; who hands over does not. Both axes are logarithmic; lower is better. ${marks(measured)}`,
    x: ({ payloadBytes }) => payloadBytes,
    y: ({ nsPerMessage }) => nsPerMessage,
    plot: {
      xLabel: 'bytes in a message',
      yLabel: '↑ time for each message',
      formatX: formatSizeTick,
      formatY: formatNanosecondsTick,
    },
    describe: (result) => formatNanoseconds(result.nsPerMessage?.median ?? 0),
  });
}

function fanOut(measured: readonly Result[]): Figure | undefined {
  const [first] = measured.filter(({ scenario }) => scenario === 'fan-out');
  const size = first === undefined ? '' : formatBytes(first.payloadBytes);
  return lineFigure(
    measured.filter(({ payloadBytes }) => payloadBytes === first?.payloadBytes),
    'fan-out',
    {
      id: 'fan-out',
      title: 'One sender, several receivers',
      caption: `${scenarios['fan-out'].work} Messages of ${size}; bytes count once for each receiver that has seen them. Both axes are logarithmic; higher is better. ${marks(measured)}`,
      x: ({ knobs }) => Number(knobs['receivers']),
      y: ({ gibPerSecond }) => gibPerSecond,
      plot: {
        xLabel: 'receiving processes',
        yLabel: '↑ GiB/s, all receivers together',
        formatX: String,
        formatY: formatNumberTick,
      },
      describe: (result) => `${formatNumber(result.gibPerSecond?.median ?? 0)} GiB/s`,
    },
  );
}

interface LineFigure extends Pick<Figure, 'id' | 'title' | 'caption'> {
  readonly x: (result: Result) => number;
  readonly y: (result: Result) => Spread | undefined;
  readonly plot: Omit<LinePlot, 'lines'>;
  readonly describe: (result: Result) => string;
}

function lineFigure(
  measured: readonly Result[],
  scenario: ScenarioName,
  { id, title, caption, x, y, plot, describe }: LineFigure,
): Figure | undefined {
  const rows = measured.filter((result) => result.scenario === scenario);
  if (rows.length === 0) return undefined;
  const lines = subjectsOf(rows).map(
    (subject): Line => ({
      result: subject,
      points: rows
        .filter((row) => row.subject === subject.subject)
        .flatMap((row) => {
          const range = y(row);
          const title = `${row.subject}, ${plot.formatX(x(row))}: ${describe(row)}`;
          return range === undefined
            ? []
            : [{ x: x(row), y: range.median, low: range.min, high: range.max, title }];
        })
        .sort((a, b) => a.x - b.x),
    }),
  );
  const draw = (width: PlotWidth) => drawLines({ ...plot, lines }, width);
  return { id, title, caption, subjects: subjectsOf(rows), legend: true, draw };
}

function latency(measured: readonly Result[]): Figure | undefined {
  return roundTripFigure(measured, 'rtt', {
    id: 'latency',
    title: 'Round trips',
    xLabel: 'time of a round trip →',
    rankOf: ({ knobs }) => (knobs['waiting'] === 'spinning' ? 0 : 1),
    groupOf: (rank) => (rank === 0 ? 'Both sides poll' : 'Both sides sleep until they are woken'),
  });
}

function requests(measured: readonly Result[]): Figure | undefined {
  return roundTripFigure(measured, 'request', {
    id: 'requests',
    title: 'Requests',
    xLabel: 'time from a question to its answer →',
    rankOf: ({ knobs }) => Number(knobs['underWay']),
    groupOf: (underWay) => `${underWay} under way`,
  });
}

interface RoundTripFigure extends Pick<Figure, 'id' | 'title'> {
  readonly xLabel: string;
  /** Rows of one rank are compared with each other; the lowest one stands first. */
  readonly rankOf: (result: Result) => number;
  /** The heading of a rank. */
  readonly groupOf: (rank: number) => string;
}

/** Quantiles of the smallest messages. */
function roundTripFigure(
  measured: readonly Result[],
  scenario: 'rtt' | 'request',
  { rankOf, groupOf, xLabel, ...about }: RoundTripFigure,
): Figure | undefined {
  const all = measured.filter((result) => result.scenario === scenario);
  const smallest = Math.min(...all.map(({ payloadBytes }) => payloadBytes));
  const rows = all
    .filter(({ payloadBytes }) => payloadBytes === smallest)
    .map((result): Row & { readonly rank: number } => {
      // Earlier results have but a mean of what polls in C.
      const mean = result.nsPerMessage?.median ?? 0;
      const { p50, p99, p999 } = result.rttNs ?? { p50: mean, p99: mean, p999: mean };
      const rank = rankOf(result);
      const times = [p50, p99, p999].map(formatNanoseconds).join(', ');
      const title = `${result.subject}: ${times} at 50, 99 and 99.9 %`;
      const row = { result, name: result.subject, group: groupOf(rank), title, rank };
      return { ...row, value: p50, low: p50, middle: p99, high: p999 };
    })
    .sort((a, b) => a.rank - b.rank || a.value - b.value);
  return rowFigure(rows, xLabel, formatNanosecondsTick, {
    ...about,
    caption: `${scenarios[scenario].work} Messages of ${formatBytes(smallest)}. The dot is the median round trip, the tick is the time that 99 % stay below, the bar ends where 99.9 % do. The axis is logarithmic; further left is better.`,
  });
}

function processorTime(measured: readonly Result[]): Figure | undefined {
  const all = measured.filter(
    ({ scenario, cpuSecondsPerGib, kind }) =>
      scenario === 'work' && cpuSecondsPerGib !== undefined && kind !== 'yardstick',
  );
  const size = nearest(all.map(({ payloadBytes }) => payloadBytes));
  const rows = all
    .filter(({ payloadBytes }) => payloadBytes === size)
    .map((result) => rowOf(result, result.cpuSecondsPerGib as Spread, 's', ''))
    .sort((a, b) => a.value - b.value);
  return rowFigure(rows, 'seconds for each GiB →', formatNumberTick, {
    id: 'cpu',
    title: 'Processor time for each GiB',
    caption: `${scenarios.work.work} Messages of ${formatBytes(size ?? 0)}; user and system time of both sides together. The axis is logarithmic; further left is better. ${marks(all, 'the least', 'the most')}`,
  });
}

function destinations(measured: readonly Result[]): Figure | undefined {
  const names: readonly ScenarioName[] = ['to-file', 'to-o-direct', 'to-tcp', 'to-unix', 'discard'];
  const rows = names.flatMap((scenario) => {
    const all = measured.filter((result) => result.scenario === scenario);
    const size = nearest(all.map(({ payloadBytes }) => payloadBytes));
    return all
      .filter(({ payloadBytes }) => payloadBytes === size)
      .map((result) => {
        const group = `${scenarios[scenario].title}, ${formatBytes(result.payloadBytes)}`;
        return rowOf(result, result.gibPerSecond as Spread, 'GiB/s', group);
      })
      .sort((a, b) => b.value - a.value);
  });
  return rowFigure(rows, 'GiB/s →', formatNumberTick, {
    id: 'destinations',
    title: 'How the payload best leaves the receiver',
    caption: `The receiver moves each message on to a destination. To /dev/null, references to pages move and no byte is read: that figure is what passing pages on costs, not a rate of bytes. The axis is logarithmic; further right is better. ${marks(measured)}`,
  });
}

function across(measured: readonly Result[]): Figure | undefined {
  const all = measured.filter(({ scenario }) => scenario === 'across');
  const speed = ({ gibPerSecond }: Result) => gibPerSecond?.median ?? 0;
  const rows = all
    .sort((a, b) => a.payloadBytes - b.payloadBytes || speed(b) - speed(a))
    .map((result) => {
      const group = formatBytes(result.payloadBytes);
      return rowOf(result, result.gibPerSecond as Spread, 'GiB/s', group);
    });
  return rowFigure(rows, 'GiB/s →', formatNumberTick, {
    id: 'across',
    title: 'What the contract costs across hosts',
    caption: `${scenarios.across.work} Both ask for the same guarantees: confirmed publishing, explicit acknowledgements, flow control. The server is on this host, so no network is in it. The axis is logarithmic; further right is better. ${marks(measured)}`,
  });
}

/** A row from the least to the largest value. */
function rowOf(result: Result, { min, median, max }: Spread, unit: string, group: string): Row {
  const title = `${result.subject}: ${formatNumber(median)} ${unit}`;
  return { result, name: result.subject, group, value: median, low: min, high: max, title };
}

/** A figure of rows, which have their names beside them; `undefined` if there are none. */
function rowFigure(
  rows: readonly Row[],
  xLabel: string,
  formatX: (value: number) => string,
  about: Pick<Figure, 'id' | 'title' | 'caption'>,
): Figure | undefined {
  if (rows.length === 0) return undefined;
  const subjects = subjectsOf(rows.map(({ result }) => result));
  const draw = (width: PlotWidth) => drawRows({ rows, xLabel, formatX }, width);
  return { ...about, subjects, legend: false, draw };
}

/** The size nearest to 1 MiB. */
export function nearest(sizes: readonly number[]): number | undefined {
  const distance = (size: number) => Math.abs(Math.log2(size) - 20);
  return [...sizes].sort((a, b) => distance(a) - distance(b))[0];
}

function subjectsOf(rows: readonly Result[] | readonly Pick<Result, 'subject' | 'kind'>[]) {
  const byName = new Map(rows.map(({ subject, kind }) => [subject, { subject, kind }]));
  return [...byName.values()];
}

function formatNumberTick(value: number): string {
  return value >= 100
    ? Math.round(value).toLocaleString('en-US')
    : String(Number(value.toPrecision(2)));
}

function formatNanosecondsTick(value: number): string {
  if (value < 1e3) return `${Number(value.toPrecision(2))}\u00a0ns`;
  if (value < 1e6) return `${Number((value / 1e3).toPrecision(2))}\u00a0µs`;
  return `${Number((value / 1e6).toPrecision(2))}\u00a0ms`;
}
