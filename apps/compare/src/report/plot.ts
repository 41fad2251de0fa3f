import * as Plot from '@observablehq/plot';
import { formatBytes } from '@pageferry/measuring/units';
import { parseHTML } from 'linkedom';
import type { Result } from '../results/results.js';
import { colorOf, styleOf } from './subject-style.js';

// Plots are drawn here, once, as SVG: the report needs no script to show them, they can be read
// aloud, and colors follow the reader's light or dark theme by CSS.
const { document } = parseHTML('<html><body></body></html>');

/** Wide for screens, narrow for phones. Both go into the report, and CSS shows one. */
export type PlotWidth = 'wide' | 'narrow';

const WIDTHS = { wide: 880, narrow: 358 };

/** A point of a line. */
export interface Point {
  readonly x: number;
  readonly y: number;
  /** Ends of the range over the runs. */
  readonly low: number;
  readonly high: number;
  /** What shows when the pointer rests on it. */
  readonly title: string;
}

/** A subject's line. */
export interface Line {
  readonly result: Pick<Result, 'subject' | 'kind'>;
  readonly points: readonly Point[];
}

/** What a plot of lines over a logarithmic x axis is made of. */
export interface LinePlot {
  readonly lines: readonly Line[];
  readonly xLabel: string;
  readonly yLabel: string;
  readonly formatX: (value: number) => string;
  readonly formatY: (value: number) => string;
}

/** Lines with their ranges, both axes logarithmic. Subjects are named at the ends where there is room. */
export function drawLines(plot: LinePlot, width: PlotWidth): string {
  const bare = renderLines(plot, width, []);
  const labels = width === 'wide' ? placeLabels(plot.lines, bare) : [];
  return compact(renderLines(plot, width, labels).outerHTML);
}

interface Label extends Point {
  readonly line: Line;
  readonly shift: number;
}

type Drawn = ReturnType<typeof Plot.plot>;

function renderLines(plot: LinePlot, width: PlotWidth, labels: readonly Label[]): Drawn {
  const xs = [...new Set(plot.lines.flatMap(({ points }) => points.map(({ x }) => x)))];
  const values = plot.lines.flatMap(({ points }) => points.flatMap(({ low, high }) => [low, high]));
  const yTicks = ticksWithin(extent(values));
  const rotated = width === 'narrow' && xs.length > 4;
  return Plot.plot({
    document,
    ...frame(width, width === 'wide' ? 480 : 380),
    marginRight: width === 'wide' ? 128 : 14,
    ...(rotated && { marginBottom: 68 }),
    x: {
      type: 'log',
      base: 2,
      label: plot.xLabel,
      labelAnchor: 'center',
      ticks: xs.sort((a, b) => a - b),
      tickFormat: plot.formatX,
      ...(rotated && { tickRotate: -40, labelOffset: 62 }),
    },
    y: {
      type: 'log',
      domain: extent(values),
      axis: null,
    },
    marks: [
      Plot.gridY(yTicks),
      // With a text, because a format for a logarithmic axis would be asked for some ticks only.
      Plot.axisY(yTicks, { text: plot.formatY, label: plot.yLabel, tickSize: 0 }),
      ...plot.lines.flatMap(({ result, points }) => {
        const stroke = colorOf(result);
        const { symbol, dash } = styleOf(result);
        const strokeWidth = result.kind === 'pageferry' ? 2.5 : 1.4;
        return [
          Plot.ruleX(points, {
            x: 'x',
            y1: 'low',
            y2: 'high',
            stroke,
            strokeWidth: 5,
            strokeOpacity: 0.22,
          }),
          Plot.line(points, {
            x: 'x',
            y: 'y',
            stroke,
            strokeWidth,
            ...(dash && { strokeDasharray: dash }),
          }),
          Plot.dot(points, {
            x: 'x',
            y: 'y',
            title: 'title',
            symbol,
            r: 3.6,
            fill: stroke,
            stroke,
            strokeWidth: 1.2,
          }),
        ];
      }),
      ...labels.map(({ line, shift, ...point }) =>
        Plot.text([point], {
          x: 'x',
          y: 'y',
          text: () => line.result.subject,
          dx: 10,
          dy: shift,
          textAnchor: 'start',
          fill: colorOf(line.result),
          fontWeight: line.result.kind === 'pageferry' ? 650 : 450,
        }),
      ),
    ],
  });
}

const LINE_HEIGHT = 14.5;

/** Names at the right ends, moved apart so that they can be read. */
function placeLabels(lines: readonly Line[], drawn: Drawn): Label[] {
  const scale = drawn.scale('y');
  const labels = lines
    .flatMap((line) => {
      const last = line.points.at(-1);
      return last === undefined ? [] : [{ line, last, at: scale?.apply(last.y) as number }];
    })
    .sort((a, b) => a.at - b.at);
  const [top = 0] = (scale?.range as number[] | undefined)?.toSorted((a, b) => a - b) ?? [];
  let previous = top - LINE_HEIGHT;
  const placed = labels.map((label) => {
    const place = Math.max(label.at, previous + LINE_HEIGHT);
    previous = place;
    return { ...label, place };
  });
  // Too far down at the bottom: push back up from there.
  const bottom = Math.max(...((scale?.range as number[] | undefined) ?? [0]));
  let next = bottom + LINE_HEIGHT;
  for (const label of placed.toReversed()) {
    label.place = Math.min(label.place, next - LINE_HEIGHT);
    next = label.place;
  }
  return placed.map(({ line, last, at, place }) => ({ line, ...last, shift: place - at }));
}

/** Subjects below each other, each with a dot and a range to the right of it. */
export interface RowPlot {
  readonly rows: readonly Row[];
  readonly xLabel: string;
  readonly formatX: (value: number) => string;
}

/** One row of a {@link RowPlot}. */
export interface Row {
  readonly result: Pick<Result, 'subject' | 'kind'>;
  /** What the row is called. */
  readonly name: string;
  /** Rows of one group stand together, under this heading; none if empty. */
  readonly group: string;
  readonly value: number;
  readonly low: number;
  readonly high: number;
  /** A third mark on the range, such as a quantile. */
  readonly middle?: number;
  readonly title: string;
}

/** Draws rows in the order in which they are given, each group under its heading. */
export function drawRows(plot: RowPlot, width: PlotWidth): string {
  const groups = [...new Set(plot.rows.map(({ group }) => group))].filter((group) => group !== '');
  // Every row has a place of its own, and so has every heading.
  const places = new Map(plot.rows.map((row) => [row, `${row.group}: ${row.name}`]));
  const domain = [...new Set(plot.rows.flatMap((row) => [row.group, places.get(row) as string]))];
  const names = new Map(plot.rows.map((row) => [places.get(row), row.name]));
  const limits = extent(plot.rows.flatMap(({ low, high }) => [low, high]));
  const ticks = ticksWithin(limits, width === 'wide' ? 3 : 2);
  const y = (row: Row) => places.get(row);
  const stroke = ({ result }: Row) => colorOf(result);
  const left = width === 'wide' ? 140 : 116;
  const drawn = Plot.plot({
    document,
    ...frame(width, 66 + domain.length * 24),
    marginLeft: left,
    marginRight: width === 'wide' ? 84 : 62,
    marginTop: 6,
    x: {
      type: 'log',
      domain: limits,
      axis: null,
    },
    y: {
      label: null,
      type: 'band',
      domain: domain.filter((place) => place !== ''),
      tickSize: 0,
      tickFormat: (place: string) => names.get(place) ?? '',
    },
    marks: [
      Plot.gridX(ticks),
      Plot.axisX(ticks, {
        text: plot.formatX,
        label: plot.xLabel,
        labelAnchor: 'center',
        tickSize: 0,
      }),
      Plot.text(groups, {
        y: (group: string) => group,
        text: (group: string) => group,
        frameAnchor: 'left',
        dx: 6 - left,
        dy: 3,
        textAnchor: 'start',
        fontWeight: 650,
      }),
      Plot.ruleY(plot.rows, {
        x1: 'low',
        x2: 'high',
        y,
        stroke,
        strokeWidth: 5,
        strokeOpacity: 0.28,
      }),
      Plot.tickX(
        plot.rows.filter(({ middle }) => middle !== undefined),
        { x: 'middle', y, stroke, strokeWidth: 1.5, inset: 5 },
      ),
      ...plot.rows.map((row) =>
        Plot.dot([row], {
          x: 'value',
          y,
          title: 'title',
          symbol: styleOf(row.result).symbol,
          r: 5,
          fill: colorOf(row.result),
          stroke: colorOf(row.result),
        }),
      ),
      Plot.text(plot.rows, {
        x: 'high',
        y,
        text: (row: Row) => plot.formatX(row.value),
        dx: 9,
        textAnchor: 'start',
        fontVariant: 'tabular-nums',
      }),
    ],
  });
  return compact(drawn.outerHTML);
}

/** The mark of a subject alone, for legends. */
export function drawSymbol(result: Pick<Result, 'subject' | 'kind'>): string {
  const { symbol } = styleOf(result);
  const color = colorOf(result);
  const drawn = Plot.plot({
    document,
    width: 14,
    height: 14,
    margin: 7,
    axis: null,
    x: { domain: [0, 1], range: [7, 7] },
    y: { domain: [0, 1], range: [7, 7] },
    marks: [
      Plot.dot([{}], { x: () => 0.5, y: () => 0.5, symbol, r: 4.4, fill: color, stroke: color }),
    ],
  });
  return compact(drawn.outerHTML);
}

/** Hundredths of a pixel are enough, and make a report half as long. */
function compact(svg: string): string {
  return svg.replace(/="[^"]*"/g, (attribute) =>
    attribute.replace(/\d+\.\d{3,}/g, (number) => String(Number(Number(number).toFixed(2)))),
  );
}

/** From the least to the largest value, with some room on either side. */
function extent(values: readonly number[]): [number, number] {
  return [Math.min(...values) / 1.2, Math.max(...values) * 1.2];
}

/** Powers of ten, with steps between them where there are few. */
function ticksWithin([low, high]: readonly [number, number], decadesWithSteps = 3): number[] {
  const first = Math.floor(Math.log10(low));
  const last = Math.ceil(Math.log10(high));
  const steps = last - first <= decadesWithSteps ? [1, 2, 5] : [1];
  const ticks = Array.from({ length: last - first + 1 }, (_, index) =>
    steps.map((step) => Number((step * 10 ** (first + index)).toPrecision(1))),
  ).flat();
  return ticks.filter((tick) => tick >= low && tick <= high);
}

function frame(width: PlotWidth, height: number) {
  return {
    width: WIDTHS[width],
    height,
    marginLeft: 58,
    marginBottom: 52,
    style: {
      fontSize: width === 'wide' ? '13px' : '12px',
      background: 'none',
      fontFamily: 'inherit',
    },
  };
}

/** A size in bytes on an axis, short: `64`, `4K`, `1M`. */
export function formatSizeTick(bytes: number): string {
  return formatBytes(bytes).replace(' ', '\u00a0');
}
