// Draws the plot of docs/reliability.md from a run of `pnpm test:soak`: what the process of each backend that stays does,
// and has, while others come and go.
//
//   pnpm test:soak --minutes 30 --out docs/soak.json && node scripts/soak-plot.js
//
// It reads docs/soak.json (or the file that it is given) and writes docs/soak.svg.
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { escaped, polyline, text } from './svg.js';

/**
 * @typedef {object} Sample
 * @property {number} at
 * @property {number} rate
 * @property {number} drops
 * @property {number} rss
 * @property {number} heap
 * @property {number} mappings
 * @property {number} descriptors
 */

/**
 * What is read of a run of `pnpm test:soak`.
 *
 * @typedef {object} Soak
 * @property {number} minutes
 * @property {{ processor: string, node: string }} machine
 * @property {readonly { backend: string, samples: readonly Sample[], evenings: readonly Sample[] }[]} houses
 */

const MIB = 1024 * 1024;

/** @type {readonly { label: string, value: (sample: Sample) => number }[]} */
const PANELS = [
  { label: 'messages in a second', value: ({ rate }) => rate },
  { label: 'messages dropped in a second', value: ({ drops }) => drops },
  { label: 'resident memory, MiB', value: ({ rss }) => rss / MIB },
  { label: 'JavaScript heap in use, MiB', value: ({ heap }) => heap / MIB },
  { label: 'shared mappings', value: ({ mappings }) => mappings },
  { label: 'descriptors', value: ({ descriptors }) => descriptors },
];

const STYLES = ['a', 'b', 'c', 'd', 'e'];
/** How many samples become one point, at least: what is drawn is their mean. */
const POINTS = 120;
const WIDTH = 720;
const PANEL = { top: 24, height: 84, gap: 34 };
const FIELD = { left: 56, right: WIDTH - 130 };
const HEIGHT = PANEL.top + PANELS.length * (PANEL.height + PANEL.gap) + 12;

const STYLE = `.ground{fill:#fff}text{font:12px system-ui,sans-serif;fill:#1f2328}.soft{fill:#59636e}.grid{stroke:#d1d9e0}
polyline{fill:none;stroke-width:1.5}.a{stroke:#0b62c4}.b{stroke:#7a3fd1}.c{stroke:#c2410c}.d{stroke:#9a6700}.e{stroke:#1a7f37}
circle{stroke:none}circle.a{fill:#0b62c4}circle.b{fill:#7a3fd1}circle.c{fill:#c2410c}circle.d{fill:#9a6700}circle.e{fill:#1a7f37}
@media(prefers-color-scheme:dark){.ground{fill:#0d1117}text{fill:#e6edf3}.soft{fill:#9aa5b1}.grid{stroke:#30363d}
.a{stroke:#58a6ff}.b{stroke:#bc8cff}.c{stroke:#ff9050}.d{stroke:#e3b341}.e{stroke:#56d364}
circle.a{fill:#58a6ff}circle.b{fill:#bc8cff}circle.c{fill:#ff9050}circle.d{fill:#e3b341}circle.e{fill:#56d364}}`;

/**
 * The plot as SVG: a panel for each figure, over the time. The dots are the moments in which all guests had left.
 *
 * @param {Soak} soak
 * @returns {string}
 */
export function soakPlot({ minutes, machine, houses }) {
  const seconds = Math.max(...houses.flatMap(({ samples }) => samples.map(({ at }) => at)));
  const x = (/** @type {number} */ at) =>
    round(FIELD.left + (at / seconds) * (FIELD.right - FIELD.left));
  const panels = PANELS.map((panel, number) => {
    const top = PANEL.top + number * (PANEL.height + PANEL.gap);
    return drawPanel(panel, houses, x, top + 10, top + 10 + PANEL.height);
  });
  const bottom = HEIGHT - 8;
  const ticks = Array.from({ length: 6 }, (_, tick) => (tick / 5) * seconds);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img">
<title>What a process does and has while senders, receivers, channels and pools come, go and die around it, for ${minutes} minutes</title>
<style>${STYLE}</style>
<rect class="ground" width="100%" height="100%"/>
<text x="${FIELD.left - 40}" y="14" class="soft">one process for each backend (${escaped(machine.processor)}, Node ${escaped(machine.node)})</text>
${panels.join('\n')}
${ticks.map((at) => text(x(at), bottom, `${round(at / 60)} min`, 'soft', 'middle')).join('\n')}
${houses.map(({ backend }, number) => legend(backend, number)).join('\n')}
</svg>
`;
}

/**
 * @param {typeof PANELS[number]} panel
 * @param {Soak['houses']} houses
 * @param {(at: number) => number} x
 * @param {number} top
 * @param {number} bottom
 */
function drawPanel({ label, value }, houses, x, top, bottom) {
  const lines = houses.map(({ samples, evenings }) => ({
    points: meansOf(samples, value),
    dots: evenings.map((sample) => ({ at: sample.at, value: value(sample) })),
  }));
  const highest = ceiling(
    Math.max(
      ...lines.flatMap(({ points, dots }) => [...points, ...dots].map((each) => each.value)),
    ),
  );
  const y = (/** @type {number} */ at) => round(bottom - (at / highest) * (bottom - top));
  const grid = [0, highest / 2, highest].map(
    (at) =>
      `<line class="grid" x1="${FIELD.left}" x2="${FIELD.right}" y1="${y(at)}" y2="${y(at)}"/>${text(FIELD.left - 6, y(at) + 4, String(at), 'soft', 'end')}`,
  );
  const drawn = lines.map(({ points, dots }, number) => {
    const style = STYLES[number % STYLES.length] ?? '';
    const marks = dots.map(
      (dot) => `<circle class="${style}" cx="${x(dot.at)}" cy="${y(dot.value)}" r="2.2"/>`,
    );
    return [
      polyline(
        points.map((point) => /** @type {const} */ ([x(point.at), y(point.value)])),
        style,
      ),
      ...marks,
    ].join('');
  });
  return [text(FIELD.left, top - 6, label, '', 'start'), ...grid, ...drawn].join('\n');
}

/**
 * The means of samples that follow each other.
 *
 * @param {readonly Sample[]} samples
 * @param {(sample: Sample) => number} value
 */
function meansOf(samples, value) {
  const size = Math.max(1, Math.floor(samples.length / POINTS));
  return Array.from({ length: Math.ceil(samples.length / size) }, (_, group) => {
    const some = samples.slice(group * size, (group + 1) * size);
    const mean = some.reduce((sum, sample) => sum + value(sample), 0) / some.length;
    return { at: some[some.length - 1]?.at ?? 0, value: mean };
  });
}

/** The next of 1, 2, 4, 10, 20, … @param {number} value */
function ceiling(value) {
  if (value <= 1) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 4, 10].find((step) => step * power >= value) ?? 10) * power;
}

/**
 * @param {string} backend
 * @param {number} number
 */
function legend(backend, number) {
  const y = PANEL.top + 24 + number * 16;
  const style = STYLES[number % STYLES.length] ?? '';
  return `<circle class="${style}" cx="${FIELD.right + 14}" cy="${y - 4}" r="4"/>${text(FIELD.right + 24, y, backend, '', 'start')}`;
}

/** @param {number} value */
function round(value) {
  return Math.round(value * 10) / 10;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [source = 'docs/soak.json'] = process.argv.slice(2);
  writeFileSync('docs/soak.svg', soakPlot(JSON.parse(readFileSync(source, 'utf8'))));
}
