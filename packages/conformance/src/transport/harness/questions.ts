import { expect } from 'vitest';
import type { AskReport } from '../peers/channel-actions.js';

/** Expects every question to have had its own answer, right in every byte. */
export function expectAnswered(report: AskReport, count: number): void {
  expect(report).toEqual({ answered: count, failures: [], problems: [] });
}
