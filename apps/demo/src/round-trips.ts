import type { AnswerReport } from './answer.js';
import { type AskReport, QUESTION_BYTES } from './ask.js';
import { both } from './both.js';
import { startChild } from './child.js';
import { codeOf, describe } from './errors.js';
import type { Meeting } from './ground.js';
import type { Progress } from './progress.js';
import type { RoundTrip } from './report.js';

/** How many questions are asked. */
const TIMES = 1000;

/** Has one process ask another one over a backend, and each answer compared with what it has to be. */
export async function measureRoundTrip(
  { meeting, hosts }: Meeting,
  progress: Progress,
  signal: AbortSignal,
): Promise<RoundTrip> {
  progress.start(TIMES * QUESTION_BYTES * 2);
  const listener = startChild<AnswerReport>(
    ['ask', '--listen', '--echo', '--once', ...meeting],
    () => {},
    hosts[0],
  );
  const asker = startChild<AskReport>(
    ['ask', '--times', String(TIMES), ...meeting],
    (bytes) => progress.moved(bytes),
    hosts[1],
  );
  try {
    const [, { seconds }] = await both(listener, asker, signal);
    return { seconds };
  } catch (error) {
    if (codeOf(error) !== 'NOT_SUPPORTED') throw error;
    return { reason: describe(error) };
  }
}
