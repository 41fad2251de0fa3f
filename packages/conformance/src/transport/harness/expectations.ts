import { type ErrorCode, isPageferryError, type PageferryError } from '@pageferry/core';
import { expect } from 'vitest';
import type { ReceiveReport } from '../peers/api.js';

/**
 * Expects an operation, which may throw or reject, to fail with a `PageferryError` of one of these
 * codes, and returns the error.
 */
export async function expectFailure(
  operation: () => unknown,
  ...codes: readonly ErrorCode[]
): Promise<PageferryError> {
  let outcome: unknown;
  try {
    outcome = await operation();
  } catch (error) {
    if (!isPageferryError(error)) throw error;
    expect(codes, `the error is '${error.message}'`).toContain(error.code);
    return error;
  }
  return expect.fail(`expected ${codes.join(' or ')}, but the outcome was ${String(outcome)}`);
}

/** What {@link expectReceived} expects besides that nothing is wrong. */
export interface ExpectedReport {
  readonly messages: number;
  readonly bytes?: number;
  /** Number of the first message. Default: 0. */
  readonly first?: number;
  readonly ended?: boolean;
}

/** Expects that exactly these messages came, each right in every byte, in order. */
export function expectReceived(report: ReceiveReport, expected: ExpectedReport): void {
  expect(report.problems).toEqual([]);
  const first = expected.messages === 0 ? -1 : (expected.first ?? 0);
  expect(report).toMatchObject({
    ended: false,
    ...expected,
    first,
    last: expected.messages === 0 ? -1 : first + expected.messages - 1,
  });
}
