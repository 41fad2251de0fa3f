import type { Spread } from '@pageferry/measuring/statistics';
import { formatBytes, formatNanoseconds, formatNumber } from '@pageferry/measuring/units';
import { scenarios } from '../plan/scenarios.js';
import type { Comparison } from '../results/baseline.js';
import { doubtsOf } from '../results/doubts.js';
import { keyOf, type Result } from '../results/results.js';
import { escapeHtml } from './escape.js';

interface Column {
  readonly title: string;
  /** What is shown, as HTML. */
  readonly show: (result: Result) => string;
  /** What is sorted by. */
  readonly sort: (result: Result) => string | number | undefined;
  readonly left?: true;
}

const number = (title: string, figure: (result: Result) => Spread | undefined): Column => ({
  title,
  show(result) {
    const spread = figure(result);
    if (spread === undefined) return '';
    const { min, median, max } = spread;
    const range =
      result.runs > 1 ? ` <small>${formatNumber(min)}–${formatNumber(max)}</small>` : '';
    return `${formatNumber(median)}${range}`;
  },
  sort: (result) => figure(result)?.median,
});

const single = (
  title: string,
  sort: (result: Result) => number | undefined,
  format: (value: number) => string,
): Column => ({
  title,
  show(result) {
    const value = sort(result);
    return value === undefined ? '' : format(value);
  },
  sort,
});

const COLUMNS: readonly Column[] = [
  {
    title: 'scenario',
    show: ({ scenario }) => scenario,
    sort: ({ scenario }) => scenario,
    left: true,
  },
  {
    title: 'subject',
    show: ({ subject }) => `<strong>${escapeHtml(subject)}</strong>`,
    sort: ({ subject }) => subject,
    left: true,
  },
  {
    title: 'payload',
    show: ({ payloadBytes }) => formatBytes(payloadBytes),
    sort: ({ payloadBytes }) => payloadBytes,
  },
  { title: 'case', show: caseOf, sort: caseOf, left: true },
  number('GiB/s', ({ gibPerSecond }) => gibPerSecond),
  single('per message', ({ nsPerMessage }) => nsPerMessage?.median, formatNanoseconds),
  {
    title: 'round trip 50 / 99 / 99.9 %',
    show: ({ rttNs }) =>
      rttNs ? [rttNs.p50, rttNs.p99, rttNs.p999].map(formatNanoseconds).join(' / ') : '',
    sort: ({ rttNs }) => rttNs?.p50,
  },
  number('CPU s / GiB', ({ cpuSecondsPerGib }) => cpuSecondsPerGib),
  number('switches / message', ({ contextSwitchesPerMessage }) => contextSwitchesPerMessage),
  number('faults / message', ({ pageFaultsPerMessage }) => pageFaultsPerMessage),
  single('peak RSS', ({ peakRssBytes }) => peakRssBytes?.median, formatBytes),
  single('to limit', ({ ratioToLimit }) => ratioToLimit, formatNumber),
  single('to best of Node', ({ ratioToBestNode }) => ratioToBestNode, formatNumber),
  {
    title: 'doubt',
    show: (result) => `<span class="doubt">${doubtsOf(result).join(', ')}</span>`,
    // Those that nothing speaks against come first.
    sort: (result) => doubtsOf(result).join(', '),
    left: true,
  },
];

/** Columns that say what a row is about; the others hold figures. */
const IDENTITY_COLUMNS = 4;

/** The table of all results, to sort and to filter. */
export function renderTable(
  results: readonly Result[],
  comparison: Comparison | undefined,
): string {
  const columns = comparison ? [...COLUMNS, changeColumn(comparison)] : COLUMNS;
  const head = columns
    .map(({ title, left }) => `<th scope="col"${left ? ' class="left"' : ''}>${title}</th>`)
    .join('');
  const rows = results.map(
    (result) => `<tr ${attributesOf(result)}>${cellsOf(result, columns)}</tr>`,
  );
  return (
    `<div class="scroll" tabindex="0" role="region" aria-label="All results">` +
    `<table class="sortable asc n-last" id="results"><thead><tr>${head}</tr></thead>` +
    `<tbody>${rows.join('\n')}</tbody></table></div>`
  );
}

function attributesOf({ scenario, subject, payloadBytes, knobs }: Result): string {
  const settings = Object.entries(knobs).map(([name, value]) => `${name}: ${value}`);
  return (
    `data-scenario="${scenario}" data-subject="${escapeHtml(subject)}" data-size="${payloadBytes}" ` +
    `title="${escapeHtml(settings.join(', '))}"`
  );
}

function cellsOf(result: Result, columns: readonly Column[]): string {
  const cell = ({ show, sort, left }: Column) =>
    `<td data-sort="${escapeHtml(sortKey(sort(result)))}"${left ? ' class="left"' : ''}>${show(result)}</td>`;
  if (result.failure === undefined) return columns.map(cell).join('');
  const { kind, reason } = result.failure;
  const why = `<td class="why left" colspan="${columns.length - IDENTITY_COLUMNS}" data-sort="">${escapeHtml(`${kind}: ${reason}`)}</td>`;
  return columns.slice(0, IDENTITY_COLUMNS).map(cell).join('') + why;
}

function sortKey(value: string | number | undefined): string {
  return typeof value === 'number' ? String(Number(value.toPrecision(6))) : (value ?? '');
}

/** What tells a case from others of the same scenario and size; empty where nothing does. */
export function caseOf({ scenario, knobs }: Pick<Result, 'scenario' | 'knobs'>): string {
  if (scenario === 'fan-out') return `${knobs['receivers']} receivers`;
  if (scenario === 'request') return `${knobs['underWay']} under way`;
  return String(knobs['waiting'] ?? '');
}

function changeColumn({ changes }: Comparison): Column {
  const byKey = new Map(changes.map((change) => [keyOf(change.result), change]));
  return {
    title: 'since the baseline',
    show(result) {
      const change = byKey.get(keyOf(result));
      if (change === undefined) return '';
      const text = `${formatNumber(change.ratio)} ${change.verdict}`;
      return `<span class="${change.verdict}">${text}</span>`;
    },
    sort: (result) => byKey.get(keyOf(result))?.ratio,
  };
}

/** The filters above the table: a scenario, a size, and part of a subject's name. */
export function renderFilters(results: readonly Result[]): string {
  const used = Object.keys(scenarios).filter((name) =>
    results.some(({ scenario }) => scenario === name),
  );
  const sizes = [...new Set(results.map(({ payloadBytes }) => payloadBytes))].sort((a, b) => a - b);
  const options = (values: readonly (readonly [string | number, string])[]) =>
    [['', 'all'] as const, ...values]
      .map(([value, text]) => `<option value="${value}">${text}</option>`)
      .join('');
  return `<form class="filters" id="filters">
<label>Scenario <select name="scenario">${options(used.map((name) => [name, name]))}</select></label>
<label>Payload <select name="size">${options(sizes.map((size) => [size, formatBytes(size)]))}</select></label>
<label>Subject <input name="subject" type="search" placeholder="part of a name" size="14"></label>
<output id="shown" aria-live="polite"></output>
</form>`;
}

/** Filters the table; sorting is the library's. */
export const FILTER_SCRIPT = `
const form = document.getElementById('filters');
const rows = [...document.querySelectorAll('#results tbody tr')];
function filter() {
  const { scenario, size, subject } = form.elements;
  const part = subject.value.trim().toLowerCase();
  let shown = 0;
  for (const row of rows) {
    const fits = (!scenario.value || row.dataset.scenario === scenario.value) &&
      (!size.value || row.dataset.size === size.value) &&
      row.dataset.subject.toLowerCase().includes(part);
    row.hidden = !fits;
    if (fits) shown++;
  }
  document.getElementById('shown').textContent = shown + ' of ' + rows.length + ' rows';
}
form.addEventListener('input', filter);
form.addEventListener('submit', (event) => event.preventDefault());
filter();
`;
