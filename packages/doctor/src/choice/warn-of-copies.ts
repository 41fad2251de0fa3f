import { named, publish } from '@pageferry/core';
import { FALLBACK } from '../backends/table.js';

/** Tells whoever listens to diagnostics that messages are copied, and why. */
export function tellOfCopies(reasons: readonly string[], endpoint?: string): void {
  publish('pageferry:fallback', () => ({
    ...named(endpoint),
    method: FALLBACK.name,
    reason: reasons.join('; '),
  }));
}

let warned = false;

/**
 * Says once in each process that messages are copied, and why: whoever wanted it otherwise would not
 * learn of it before measuring.
 */
export function warnOfCopies(what: string, reasons: readonly string[]): void {
  if (warned) return;
  warned = true;
  process.emitWarning(what, {
    type: 'PageferryWarning',
    code: 'PAGEFERRY_COPIES',
    detail: [
      ...reasons.map((reason) => `  ${reason}`),
      'pageferry-doctor says what to do about it; the option `warn: false` turns this warning off.',
    ].join('\n'),
  });
}
