import type { ErrorCode } from '@pageferry/core';
import { expect } from 'vitest';

/** Matches an error with this code. */
export function withCode(code: ErrorCode): unknown {
  return expect.objectContaining({ code });
}
