import { renderTable } from '@pageferry/measuring/tables';
import type { House } from './run-houses.js';
import { kinds } from './visit.js';

const HEAD = [
  'backend',
  'guests',
  'killed',
  ...['receive', 'send', 'connect', 'listen', 'pools'],
  'messages',
  'dropped',
  'RSS (MiB)',
  'mappings',
  'descriptors',
  'faults',
];

/** The closing table: a line for each backend. What it has is said as at the first evening, and at the last. */
export function tableOf(houses: readonly House[], colors: boolean): string {
  return renderTable(HEAD, houses.map(rowOf), { figuresFrom: 1, colors });
}

function rowOf({ backend, evenings, faults, summary }: House): string[] {
  const counts = kinds.map((kind) => summary?.visits[kind] ?? 0);
  const fromTo = (key: 'rss' | 'mappings' | 'descriptors', unit = 1): string => {
    const [first, last] = [evenings[0], evenings.at(-1)].map((each) => (each?.[key] ?? 0) / unit);
    return `${Math.round(first ?? 0)} → ${Math.round(last ?? 0)}`;
  };
  return [
    backend,
    counts.reduce((sum, count) => sum + count, 0),
    summary?.kills ?? 0,
    ...counts,
    summary?.messages ?? 0,
    summary?.drops ?? 0,
    fromTo('rss', 1024 * 1024),
    fromTo('mappings'),
    fromTo('descriptors'),
    faults.length,
  ].map(String);
}
