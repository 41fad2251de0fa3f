import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { formatBytes } from '@pageferry/measuring/units';
import { type ScenarioName, scenarioNames, scenarios } from '../plan/scenarios.js';
import type { Comparison } from '../results/baseline.js';
import { doubtsOf } from '../results/doubts.js';
import type { Machine, Results } from '../results/results.js';
import { changesInWords } from './changes.js';
import { DOUBTS } from './doubts-in-words.js';
import { emphasize, escapeHtml } from './escape.js';
import { type Figure, figuresOf } from './figures.js';
import { PAGE_COLORS, PAGE_STYLE } from './page-style.js';
import { drawSymbol } from './plot.js';
import { FILTER_SCRIPT, renderFilters, renderTable } from './result-table.js';
import { colorVariables } from './subject-style.js';
import { inWords } from './words.js';

/** The report: one file that needs no network. Without scripts, only sorting and filtering are missing. */
export function renderReport(results: Results, comparison?: Comparison): string {
  const figures = figuresOf(results);
  const title = 'Which backend, for which work, on this machine';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Pageferry: ${title.toLowerCase()}</title>
<style>${styleFor(results)}</style>
</head>
<body>
<header>
<h1>${title}</h1>
<p class="machine">${escapeHtml(describe(results.machine))}</p>
<nav aria-label="Contents">${figures.map(({ id, title: text }) => `<a href="#${id}">${text}</a>`).join('')}<a href="#all">All results</a><a href="#method">Method</a></nav>
</header>
<main>
${section('In words', inWords(results))}
${comparison ? section('Since the baseline', changesInWords(comparison)) : ''}
${figures.map(renderFigure).join('\n')}
<section id="all">
<h2>All results</h2>
<p>${explainFigures(results)} “To limit” and “to best of Node” say how fast a subject was compared with the fastest program in C and with the fastest way of plain Node, within the run: 1 is as fast, 2 is twice as fast. Rest the pointer on a row for its settings; click a heading to sort.</p>
${renderFilters(results.results)}
${renderTable(results.results, comparison)}
</section>
${renderMethod(results)}
</main>
<script>${library('sortable-tablesort', 'sortable.min.js')}
${library('sortable-tablesort', 'sortable.a11y.min.js')}
${FILTER_SCRIPT}</script>
</body>
</html>
`;
}

/** Medians and ranges, where there are some; and what the doubts mean that some row has. */
function explainFigures({ results }: Results): string {
  const ranges = results.some(({ runs }) => runs > 1);
  const doubts = [...new Set(results.flatMap(doubtsOf))].map(
    (doubt) => `${doubt}: ${DOUBTS[doubt]}`,
  );
  return escapeHtml(
    (ranges ? 'Medians, and from the lowest to the highest run.' : 'Figures of a single run.') +
      (doubts.length > 0 ? ` Doubts: ${doubts.join('; ')}.` : ''),
  );
}

function styleFor({ results }: Results): string {
  const colors = (mode: 'light' | 'dark') =>
    `${PAGE_COLORS[mode]};${colorVariables(results, mode)}`;
  return `:root{${colors('light')}}\n@media (prefers-color-scheme:dark){:root{${colors('dark')}}}${PAGE_STYLE}`;
}

function section(heading: string, sentences: readonly string[]): string {
  if (sentences.length === 0) return '';
  const items = sentences.map((sentence) => `<li>${emphasize(sentence)}</li>`).join('\n');
  return `<section class="words"><h2>${heading}</h2><ul>${items}</ul></section>`;
}

function renderFigure({ id, title, caption, subjects, legend, draw }: Figure): string {
  const names = subjects
    .map((each) => `<li>${hidden(drawSymbol(each))}${escapeHtml(each.subject)}</li>`)
    .join('');
  const label = `role="img" aria-label="${escapeHtml(`${title}. The figures are in the table of all results.`)}"`;
  const plot = (width: 'wide' | 'narrow') =>
    `<div class="plot ${width}">${draw(width).replace('<svg ', `<svg ${label} `)}</div>`;
  return `<section id="${id}"><h2>${title}</h2>
<figure><figcaption>${escapeHtml(caption)}</figcaption>
${legend ? `<ul class="legend narrow" aria-label="Subjects">${names}</ul>` : ''}
${plot('wide')}
${plot('narrow')}
</figure></section>`;
}

function hidden(svg: string): string {
  return svg.replace('<svg ', '<svg aria-hidden="true" ');
}

function renderMethod({ machine, results }: Results): string {
  const used = scenarioNames.filter((name) => results.some(({ scenario }) => scenario === name));
  const packages = Object.entries(machine.packages).map(([name, version]) => `${name} ${version}`);
  const terms = used.map(
    (name: ScenarioName) => `<dt>${name}</dt><dd>${scenarios[name].work}</dd>`,
  );
  return `<section id="method"><h2>Method</h2>
<p>One trial is a fresh pair of processes. In each run every subject has its turn in every case, so that a slow spell of the machine hits all alike. Both sides warm up before the clock starts; it runs from before the sender writes the first byte until the receiver has seen the last. Processor time, context switches and page faults are those of both sides in between; peak RSS is each process’s largest resident set, added up, so that memory which both map counts twice. Round trips are timed one by one in a second pass: each of these times has a look at the clock in it, and the mean has none. While a trial runs, the processors are watched: what other programs took of them, and what the host did. Payloads are checked in a pass of their own, with a pattern and SHA-256: who loses or changes a byte has no figures.</p>
<p>The plain Node subjects get the benefit of the doubt: messages of a length that both sides know, without frames (requests have some), seen in the parts in which they come. Their answers come in the order of the questions, so that nothing has to say which is whose.</p>
<dl>${terms.join('')}</dl>
<details><summary>Machine and versions</summary><p>${escapeHtml([describe(machine), machine.compiler ?? 'no C compiler', ...packages].join('; '))}</p></details>
</section>`;
}

function describe({ processor, cores, memoryBytes, architecture, kernel, node }: Machine): string {
  return [
    `${cores} cores of ${processor} (${architecture})`,
    `${formatBytes(memoryBytes)} memory`,
    `Linux ${kernel}`,
    `Node ${node.replace('v', '')}`,
  ].join(', ');
}

function library(name: string, file: string): string {
  const require = createRequire(import.meta.url);
  return readFileSync(require.resolve(`${name}/dist/${file}`), 'utf8').trim();
}
