import { stripVTControlCharacters, styleText } from 'node:util';
import { machineLine } from '@pageferry/measuring/machine';
import { scenarioNames, scenarios } from '../plan/scenarios.js';
import type { Comparison } from '../results/baseline.js';
import { doubtsOf } from '../results/doubts.js';
import type { Result, Results } from '../results/results.js';
import { changesInWords } from './changes.js';
import { DOUBTS } from './doubts-in-words.js';
import { type Paint, renderRows } from './terminal-table.js';
import { inWords } from './words.js';

/** The results for a terminal: a table for each scenario, 80 columns wide at most, and then the words. */
export function renderTerminal(results: Results, comparison?: Comparison): string {
  const parts = [machineLine(results.machine)];
  for (const scenario of scenarioNames) {
    const rows = results.results.filter((result) => result.scenario === scenario);
    if (rows.length === 0) continue;
    parts.push(`${paint('bold', scenarios[scenario].title)}: ${scenarios[scenario].work}`);
    parts.push(renderRows(rows, paint, colors()));
  }
  parts.push(...legend(results.results));
  parts.push(...bullets(inWords(results)));
  if (comparison) parts.push('Since the baseline:', ...bullets(changesInWords(comparison)));
  const text = `${parts.join('\n\n')}\n`;
  return colors() ? text : stripVTControlCharacters(text);
}

/** What the doubts mean that some row has. */
function legend(rows: readonly Result[]): string[] {
  const doubts = [...new Set(rows.flatMap(doubtsOf))];
  if (doubts.length === 0) return [];
  return [doubts.map((doubt) => `${paint('bold', doubt)}: ${DOUBTS[doubt]}`).join('\n')];
}

function bullets(sentences: readonly string[]): string[] {
  return sentences.map(
    (sentence) => `- ${sentence.replace(/\*\*(.+?)\*\*/g, (_, word) => paint('bold', word))}`,
  );
}

const paint: Paint = (style, text) => (colors() ? styleText(style, text) : text);

/** `hasColors` respects NO_COLOR. */
function colors(): boolean {
  return process.stdout.isTTY === true && process.stdout.hasColors();
}
