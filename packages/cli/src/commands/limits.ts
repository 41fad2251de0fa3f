import type { WaitOptions } from '@pageferry/core';
import type { ParsedArguments } from '../command/parse.js';

/** How long a call may wait: as `--timeout` says, and no longer than the command. */
export function limitsOf(parsed: ParsedArguments, signal: AbortSignal): WaitOptions {
  if (!parsed.has('timeout')) return { signal };
  return { signal, timeout: parsed.integer('timeout', 0, 0, 2 ** 31 - 1) };
}
