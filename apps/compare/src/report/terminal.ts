import { stripVTControlCharacters, styleText } from 'node:util';
import { machineLine } from '@pageferry/measuring/machine';
import { renderTable } from '@pageferry/measuring/tables';
import { formatBytes, formatNanoseconds, formatNumber } from '@pageferry/measuring/units';
import { scenarioNames, scenarios } from '../plan/scenarios.js';
import type { Comparison } from '../results/baseline.js';
import { caseKeyOf, type Result, type Results } from '../results/results.js';
import { changesInWords } from './changes.js';
import { inWords } from './words.js';

/** The results for a terminal: a table for each scenario, and then the words. */
export function renderTerminal(results: Results, comparison?: Comparison): string {
  const parts = [machineLine(results.machine)];
  for (const scenario of scenarioNames) {
    const rows = results.results.filter((result) => result.scenario === scenario);
    if (rows.length === 0) continue;
    parts.push(`${paint('bold', scenarios[scenario].title)}: ${scenarios[scenario].work}`);
    parts.push(renderRows(rows, scenario === 'rtt'));
  }
  parts.push(...bullets(inWords(results)));
  if (comparison) parts.push('Since the baseline:', ...bullets(changesInWords(comparison)));
  const text = `${parts.join('\n\n')}\n`;
  return colors() ? text : stripVTControlCharacters(text);
}

function renderRows(rows: readonly Result[], roundTrips: boolean): string {
  const figures = roundTrips
    ? ['50 %', '99 %', '99.9 %']
    : ['GiB/s', 'min', 'max', 'a message', 'CPU s\nper GiB'];
  const head = ['payload', 'subject', ...figures, 'to limit', 'to Node'];
  let previous = '';
  const cells = rows.map((row) => {
    const label = caseKeyOf(row) === previous ? '' : caseOf(row);
    previous = caseKeyOf(row);
    return toRow(row, label, roundTrips, head.length);
  });
  return renderTable(head, cells, { figuresFrom: 2, colors: colors() });
}

function toRow(row: Result, label: string, roundTrips: boolean, columns: number) {
  const { subject, failure, gibPerSecond, nsPerMessage, cpuSecondsPerGib, rttNs } = row;
  const name = row.kind === 'pageferry' ? paint('bold', subject) : subject;
  if (failure !== undefined) {
    const content = paint('red', `${failure.kind}: ${failure.reason}`);
    return [label, name, { colSpan: columns - 2, content, hAlign: 'left' as const }];
  }
  const ratios = [row.ratioToLimit, row.ratioToBestNode].map(show);
  if (roundTrips) {
    // Round trips that are too short to time one by one have a mean only.
    const mean = nsPerMessage === undefined ? '' : formatNanoseconds(nsPerMessage.median);
    const times = rttNs
      ? [rttNs.p50, rttNs.p99, rttNs.p999].map(formatNanoseconds)
      : [mean, '', ''];
    return [label, name, ...times, ...ratios];
  }
  const rates = [gibPerSecond?.median, gibPerSecond?.min, gibPerSecond?.max].map(show);
  const time = nsPerMessage ? formatNanoseconds(nsPerMessage.median) : '';
  return [label, name, ...rates, time, show(cpuSecondsPerGib?.median), ...ratios];
}

function caseOf({ scenario, payloadBytes, knobs }: Result): string {
  const size = formatBytes(payloadBytes);
  if (scenario === 'fan-out') return `${size} × ${knobs['receivers']}`;
  return knobs['waiting'] ? `${size} ${knobs['waiting']}` : size;
}

function show(value: number | undefined): string {
  return value === undefined ? '' : formatNumber(value);
}

function bullets(sentences: readonly string[]): string[] {
  return sentences.map(
    (sentence) => `- ${sentence.replace(/\*\*(.+?)\*\*/g, (_, word) => paint('bold', word))}`,
  );
}

function paint(style: 'bold' | 'red', text: string): string {
  return colors() ? styleText(style, text) : text;
}

/** `hasColors` respects NO_COLOR. */
function colors(): boolean {
  return process.stdout.isTTY === true && process.stdout.hasColors();
}
