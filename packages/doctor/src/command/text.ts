import { styleText } from 'node:util';
import Table from 'cli-table3';
import type { BackendReport } from '../backends/judge-backend.js';
import type { Report } from '../examine.js';
import type { Probe } from '../probes/probe.js';
import { PROBE_NAMES } from '../probes/words.js';
import type { Advice } from '../verdict/advice.js';
import { capabilityRows } from './capability-rows.js';
import { indented } from './wrap.js';

/** Columns of the longest word that is not to be parted. */
const WORD = 16;

type Style = Parameters<typeof styleText>[0];
type Paint = (style: Style, text: string) => string;

/** What every terminal has, and every file. */
const WIDTH = 80;

/** Below that the columns would have no room for a word. */
const NARROWEST = 60;

/** A report for people, at most 80 columns wide, and on a narrower terminal as wide as that. */
export function toText(report: Report, colors: boolean, columns = WIDTH): string {
  const width = Math.max(NARROWEST, Math.min(WIDTH, columns));
  const paint: Paint = (style, text) => (colors ? styleText(style, text) : text);
  const heading = (text: string) => `\n${paint('bold', text)}`;
  return [
    heading('What copies here, between two processes'),
    indented(
      '',
      'A hop is one step on the way of a page, which is changed afterwards. A process that sees the change has the page itself (references), otherwise a copy (copies). Frames are the numbers of physical pages.',
      width,
    ),
    probeTable(report.probes, paint, colors, width),
    heading('What this machine allows'),
    indented('', 'A system call that answers is there, and nothing forbids it.', width),
    capabilityTable(report, colors, width),
    heading('Backends'),
    backendTable(report.backends, paint, colors, width),
    ...adviceLines(report.advice, heading, width),
    heading(verdict(report)),
  ].join('\n');
}

function probeTable(
  probes: readonly Probe[],
  paint: Paint,
  colors: boolean,
  width: number,
): string {
  const table = newTable(['hop', 'result', 'evidence'], [25, 13], width, colors);
  for (const { hop, result, errnoName, evidence } of probes) {
    const color = ({ references: 'green', copies: 'yellow', unavailable: 'red' } as const)[result];
    const word = errnoName === undefined ? result : `${result}\n${errnoName}`;
    table.push([PROBE_NAMES[hop], paint(color, word), evidence]);
  }
  return table.toString();
}

function capabilityTable({ capabilities }: Report, colors: boolean, width: number): string {
  const table = newTable([], [24], width, colors);
  table.push(...capabilityRows(capabilities).map((row) => [...row]));
  return table.toString();
}

function backendTable(
  backends: readonly BackendReport[],
  paint: Paint,
  colors: boolean,
  width: number,
): string {
  const head = ['backend', 'usable', 'zero-copy\nsend', 'zero-copy\nreceive', 'reason'];
  const table = newTable(head, [15, 8, 11, 11], width, colors);
  const yes = (is: boolean) => (is ? paint('green', 'yes') : 'no');
  for (const { name, usable, zeroCopySend, zeroCopyReceive, reason = '' } of backends) {
    table.push([name, yes(usable), yes(zeroCopySend), yes(zeroCopyReceive), reason]);
  }
  return table.toString();
}

function adviceLines(
  advice: readonly Advice[],
  heading: (text: string) => string,
  width: number,
): string[] {
  if (advice.length === 0) return [];
  const lines = advice.flatMap(({ finding, remedy, risk }) => [
    indented('- ', finding, width),
    indented('  do:   ', remedy, width),
    indented('  risk: ', risk, width),
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

/** A table of `width` columns: what its last column has is what the others leave. */
function newTable(head: string[], others: number[], width: number, colors: boolean) {
  const borders = others.length + 2;
  const last = width - borders - others.reduce((sum, each) => sum + each, 0);
  return new Table({
    head,
    colWidths: [...others, last],
    wrapOnWordBoundary: last > WORD,
    wordWrap: true,
    style: { head: colors ? ['bold'] : [], border: colors ? ['gray'] : [], compact: true },
  });
}
