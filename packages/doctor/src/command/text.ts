import { styleText } from 'node:util';
import Table from 'cli-table3';
import type { BackendReport } from '../backends/judge-backend.js';
import type { Report } from '../examine.js';
import type { Probe } from '../probes/probe.js';
import { PROBE_NAMES } from '../probes/words.js';
import type { Advice } from '../verdict/advice.js';
import { capabilityRows } from './capability-rows.js';
import { indented } from './wrap.js';

type Style = Parameters<typeof styleText>[0];
type Paint = (style: Style, text: string) => string;

/** A report for people, at most 80 columns wide. */
export function toText(report: Report, colors: boolean): string {
  const paint: Paint = (style, text) => (colors ? styleText(style, text) : text);
  const heading = (text: string) => `\n${paint('bold', text)}`;
  return [
    heading('What copies here, between two processes'),
    'Each page is changed after its hop. Who sees the change has the page itself.',
    probeTable(report.probes, paint, colors),
    heading('What this machine allows'),
    capabilityTable(report, colors),
    heading('Backends'),
    backendTable(report.backends, paint, colors),
    ...adviceLines(report.advice, heading),
    heading(verdict(report)),
  ].join('\n');
}

function probeTable(probes: readonly Probe[], paint: Paint, colors: boolean): string {
  const table = newTable(['hop', 'result', 'evidence'], [25, 13, 38], colors);
  for (const { hop, result, errnoName, evidence } of probes) {
    const color = ({ references: 'green', copies: 'yellow', unavailable: 'red' } as const)[result];
    const word = errnoName === undefined ? result : `${result}\n${errnoName}`;
    table.push([PROBE_NAMES[hop], paint(color, word), evidence]);
  }
  return table.toString();
}

function capabilityTable({ capabilities }: Report, colors: boolean): string {
  const table = newTable([], [24, 53], colors);
  table.push(...capabilityRows(capabilities).map((row) => [...row]));
  return table.toString();
}

function backendTable(backends: readonly BackendReport[], paint: Paint, colors: boolean): string {
  const head = ['backend', 'usable', 'zero-copy\nsend', 'zero-copy\nreceive', 'reason'];
  const table = newTable(head, [15, 8, 11, 11, 29], colors);
  const yes = (is: boolean) => (is ? paint('green', 'yes') : 'no');
  for (const { name, usable, zeroCopySend, zeroCopyReceive, reason = '' } of backends) {
    table.push([name, yes(usable), yes(zeroCopySend), yes(zeroCopyReceive), reason]);
  }
  return table.toString();
}

function adviceLines(advice: readonly Advice[], heading: (text: string) => string): string[] {
  if (advice.length === 0) return [];
  const lines = advice.flatMap(({ finding, remedy, risk }) => [
    indented('- ', finding),
    indented('  do:   ', remedy),
    indented('  risk: ', risk),
  ]);
  return [heading('What could be better'), ...lines];
}

function verdict({ recommended, backends }: Report): string {
  const best = backends.find(({ name }) => name === recommended);
  if (best === undefined) return 'Recommended: nothing; no backend works here';
  const sides = [best.zeroCopySend && 'send', best.zeroCopyReceive && 'receive'].filter(Boolean);
  const how = sides.length === 0 ? 'which copies' : `zero-copy ${sides.join(' and ')}`;
  return `Recommended: ${best.name} (${how})`;
}

function newTable(head: string[], colWidths: number[], colors: boolean) {
  return new Table({
    head,
    colWidths,
    wordWrap: true,
    style: { head: colors ? ['bold'] : [], border: colors ? ['gray'] : [], compact: true },
  });
}
