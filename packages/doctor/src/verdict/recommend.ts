import type { Judgement } from '../backends/judge-backend.js';
import { FALLBACK } from '../backends/table.js';

/**
 * The backend to use, by the rule of `chooseTransport`: the first good one, else the socket, else
 * whatever works.
 *
 * @param judgements in the order of preference.
 */
export function recommend(judgements: readonly Judgement[]): string | undefined {
  const usable = judgements.filter(({ report }) => report.usable);
  const best =
    usable.find(({ good }) => good) ??
    usable.find(({ report }) => report.name === FALLBACK.name) ??
    usable[0];
  return best?.report.name;
}
