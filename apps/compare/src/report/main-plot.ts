import type { Results } from '../results/results.js';
import { escapeHtml } from './escape.js';
import { throughput } from './figures.js';
import { PAGE_COLORS } from './page-style.js';
import { colorVariables } from './subject-style.js';

/**
 * The plot that says most, as an SVG file that stands alone, for pages such as a README. It follows
 * the reader's light or dark theme. `undefined` if its scenario was not measured.
 */
export function renderMainPlot(results: Results): string | undefined {
  const figure = throughput(results.results.filter(({ failure }) => failure === undefined));
  if (figure === undefined) return undefined;
  const colors = (mode: 'light' | 'dark') =>
    `${PAGE_COLORS[mode]};${colorVariables(figure.subjects, mode)}`;
  const style =
    `svg{${colors('light')};color:var(--ink);background:var(--ground);` +
    'font-family:system-ui,-apple-system,"Segoe UI",sans-serif}' +
    `@media (prefers-color-scheme:dark){svg{${colors('dark')}}}`;
  return figure
    .draw('wide')
    .replace('<svg ', '<svg xmlns="http://www.w3.org/2000/svg" role="img" ')
    .replace(
      /(<svg [^>]*>)/,
      `$1<title>${escapeHtml(figure.title)}</title><style>${style}</style>`,
    );
}
