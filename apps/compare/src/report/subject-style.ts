import type { Result } from '../results/results.js';

/** Symbols that Plot can draw. */
export type SymbolName = 'circle' | 'square' | 'triangle' | 'diamond' | 'star' | 'cross' | 'times';

/** How a subject looks in every plot: never by its color alone. */
export interface SubjectStyle {
  /** Colors on a light and on a dark ground. */
  readonly light: string;
  readonly dark: string;
  readonly symbol: SymbolName;
  /** Pattern of the line; solid if absent. */
  readonly dash?: string;
}

const INK = { light: '#24292f', dark: '#e6edf3' };

const STYLES: Readonly<Record<string, SubjectStyle>> = {
  'shared-mmap': { light: '#0b62c4', dark: '#58a6ff', symbol: 'circle' },
  'shared-mmap-ffi': { light: '#0b62c4', dark: '#58a6ff', symbol: 'square', dash: '5 3' },
  'vmsplice-napi': { light: '#c2410c', dark: '#ff9050', symbol: 'circle' },
  'vmsplice-ffi': { light: '#c2410c', dark: '#ff9050', symbol: 'square', dash: '5 3' },
  socket: { light: '#1a7f37', dark: '#4cc26a', symbol: 'circle' },
  'unix-socket': { light: '#6e40c9', dark: '#b392f0', symbol: 'triangle' },
  tcp: { light: '#b3246b', dark: '#f778ba', symbol: 'diamond' },
  stdio: { light: '#8a6100', dark: '#d9a93b', symbol: 'triangle' },
  'ipc-advanced': { light: '#57606a', dark: '#9aa5b1', symbol: 'cross' },
  'ipc-json': { light: '#57606a', dark: '#9aa5b1', symbol: 'times', dash: '2 3' },
  'worker-transfer': { light: '#0a7e8c', dark: '#39c5cf', symbol: 'star' },
  'worker-copy': { light: '#0a7e8c', dark: '#39c5cf', symbol: 'square', dash: '5 3' },
  zeromq: { light: '#a3163a', dark: '#ff7b92', symbol: 'star' },
};

const LIMIT: SubjectStyle = { ...INK, symbol: 'diamond', dash: '7 4' };
const YARDSTICK: SubjectStyle = { ...INK, symbol: 'times', dash: '1 4' };
const UNKNOWN: SubjectStyle = { light: '#57606a', dark: '#9aa5b1', symbol: 'circle' };

/** The look of a subject. Those that are not in the table look gray. */
export function styleOf({ subject, kind }: Pick<Result, 'subject' | 'kind'>): SubjectStyle {
  if (kind === 'limit') return LIMIT;
  if (kind === 'yardstick') return YARDSTICK;
  return STYLES[subject] ?? UNKNOWN;
}

/** The CSS variable that holds a subject's color of the moment. */
export function colorOf(result: Pick<Result, 'subject'>): string {
  return `var(${variableOf(result)})`;
}

/** A name that means nothing in CSS or HTML, whatever a file of results calls its subjects. */
function variableOf({ subject }: Pick<Result, 'subject'>): string {
  return `--${subject.replace(/[^\w-]/g, '_')}`;
}

/** Declarations of those variables, light and dark. */
export function colorVariables(
  subjects: readonly Pick<Result, 'subject' | 'kind'>[],
  mode: 'light' | 'dark',
): string {
  return subjects.map((each) => `${variableOf(each)}:${styleOf(each)[mode]}`).join(';');
}
