// Draws the plot of the README from a run of `pnpm compare`: each message is written in full by one process
// and read in full by another one.
//
//   pnpm compare --out docs/compare && node scripts/readme-plot.js
//
// It reads docs/compare/results.json (or the file that it is given) and writes docs/throughput.svg.
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { escaped, polyline, text } from './svg.js';

/**
 * What is read of a result of `pnpm compare`.
 *
 * @typedef {object} Result
 * @property {string} scenario
 * @property {string} subject
 * @property {string} kind
 * @property {number} payloadBytes
 * @property {{ median: number }} [gibPerSecond]
 */

/**
 * A line of the plot: which results it shows, and how. Of several results at one size the fastest counts.
 *
 * @typedef {object} Line
 * @property {string} label
 * @property {string} style the name of its colour.
 * @property {(result: Result) => boolean} shows
 */

/** @type {readonly Line[]} */
const LINES = [
  { label: 'shared-mmap', style: 'shared', shows: ({ subject }) => subject === 'shared-mmap' },
  { label: 'vmsplice-napi', style: 'pipe', shows: ({ subject }) => subject === 'vmsplice-napi' },
  { label: 'best of plain Node', style: 'node', shows: ({ kind }) => kind === 'node' },
];

const KIB = 1024;
const MIB = 1024 * KIB;
const WIDTH = 640;
const HEIGHT = 260;
/** The edges of the field that the lines are drawn in. */
const FIELD = { left: 50, right: WIDTH - 130, top: 34, bottom: HEIGHT - 34 };

const STYLE = `.ground{fill:#fff}text{font:12px system-ui,sans-serif;fill:#1f2328}.soft{fill:#59636e}.grid{stroke:#d1d9e0}
polyline{fill:none;stroke-width:2.5}.shared{stroke:#0b62c4}.pipe{stroke:#c2410c}.node{stroke:#57606a}
@media(prefers-color-scheme:dark){.ground{fill:#0d1117}text{fill:#e6edf3}.soft{fill:#9aa5b1}.grid{stroke:#30363d}
.shared{stroke:#58a6ff}.pipe{stroke:#ff9050}.node{stroke:#9aa5b1}}`;

/**
 * The plot as SVG: GiB/s against the size of a message, both axes logarithmic.
 *
 * @param {{ results: readonly Result[], machine: { processor: string, node: string } }} report
 * @returns {string}
 */
export function readmePlot({ results, machine }) {
  const lines = LINES.map(({ label, style, shows }) => {
    const points = fastestBySize(
      results.filter((result) => result.scenario === 'work' && shows(result)),
    );
    if (points.length < 2) throw new Error(`the run has fewer than two sizes of ${label}`);
    return { label, style, points };
  });
  const all = lines.flatMap(({ points }) => points);
  const x = scale(
    all.map(({ bytes }) => bytes),
    2,
    FIELD.left,
    FIELD.right,
  );
  const y = scale(
    all.map(({ speed }) => speed),
    10,
    FIELD.bottom,
    FIELD.top,
  );
  const sizes = [...new Set(all.map(({ bytes }) => bytes))].toSorted((a, b) => a - b);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img">
<title>Throughput against message size, written in full by one process and read in full by another</title>
<style>${STYLE}</style>
<rect class="ground" width="100%" height="100%"/>
<text x="${FIELD.left - 40}" y="16" class="soft">GiB/s, every byte written and read (${escaped(machine.processor)}, Node ${escaped(machine.node)})</text>
${decades(all.map(({ speed }) => speed))
  .map((speed) => gridLine(y(speed), String(speed)))
  .join('\n')}
${sizes.map((bytes) => text(x(bytes), FIELD.bottom + 20, inUnits(bytes), 'soft', 'middle')).join('\n')}
${lines
  .map(({ style, points }) =>
    polyline(
      points.map(({ bytes, speed }) => /** @type {const} */ ([x(bytes), y(speed)])),
      style,
    ),
  )
  .join('\n')}
${labels(lines, y)}
</svg>
`;
}

/**
 * @param {readonly Result[]} results
 * @returns {{ bytes: number, speed: number }[]}
 */
function fastestBySize(results) {
  /** @type {Map<number, number>} */
  const fastest = new Map();
  for (const { payloadBytes, gibPerSecond } of results) {
    if (gibPerSecond === undefined) continue;
    fastest.set(payloadBytes, Math.max(fastest.get(payloadBytes) ?? 0, gibPerSecond.median));
  }
  return [...fastest]
    .map(([bytes, speed]) => ({ bytes, speed }))
    .toSorted((a, b) => a.bytes - b.bytes);
}

/**
 * A logarithmic scale from values to positions, as wide as whole powers of `base`.
 *
 * @param {readonly number[]} values
 * @param {number} base
 * @param {number} from
 * @param {number} to
 */
function scale(values, base, from, to) {
  const log = (/** @type {number} */ value) => Math.log(value) / Math.log(base);
  const low = Math.floor(log(Math.min(...values)) + 1e-9);
  const high = Math.ceil(log(Math.max(...values)) - 1e-9);
  return (/** @type {number} */ value) =>
    Math.round((from + ((log(value) - low) / (high - low)) * (to - from)) * 10) / 10;
}

/** @param {readonly number[]} values */
function decades(values) {
  const low = Math.floor(Math.log10(Math.min(...values)) + 1e-9);
  const high = Math.ceil(Math.log10(Math.max(...values)) - 1e-9);
  return Array.from({ length: high - low + 1 }, (_, index) => Number(`1e${low + index}`));
}

/**
 * @param {number} at
 * @param {string} label
 */
function gridLine(at, label) {
  return `<line class="grid" x1="${FIELD.left}" x2="${FIELD.right}" y1="${at}" y2="${at}"/>${text(FIELD.left - 6, at + 4, label, 'soft', 'end')}`;
}

/**
 * Names each line at its end, one below the other where the ends lie close together.
 *
 * @param {readonly { label: string, points: readonly { speed: number }[] }[]} lines
 * @param {(value: number) => number} y
 */
function labels(lines, y) {
  let free = FIELD.top;
  return lines
    .map(({ label, points }) => ({ label, at: y(/** @type {any} */ (points.at(-1)).speed) }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ label, at }) => {
      const place = Math.max(at, free);
      free = place + 15;
      return text(FIELD.right + 8, place + 4, label, '', 'start');
    })
    .join('\n');
}

/** @param {number} bytes */
function inUnits(bytes) {
  if (bytes < KIB) return `${bytes} B`;
  return bytes < MIB ? `${bytes / KIB} KiB` : `${bytes / MIB} MiB`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [source = 'docs/compare/results.json'] = process.argv.slice(2);
  writeFileSync('docs/throughput.svg', readmePlot(JSON.parse(readFileSync(source, 'utf8'))));
}
