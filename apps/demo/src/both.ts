import type { Child } from './child.js';
import { codeOf } from './errors.js';

/** Waits for both processes. When one fails, or the user gives up, the other has to end too. */
export async function both<A, B>(
  first: Child<A>,
  second: Child<B>,
  signal: AbortSignal,
): Promise<[A, B]> {
  const failures: unknown[] = [];
  const stop = () => {
    first.stop();
    second.stop();
  };
  const fail = (error: unknown) => {
    failures.push(error);
    // Who says that the other one has left need not end it: that would keep it from saying why.
    if (codeOf(error) !== 'PEER_DIED') stop();
  };
  signal.addEventListener('abort', stop);
  if (signal.aborted) stop();
  first.report.catch(fail);
  second.report.catch(fail);
  try {
    await Promise.all([first.ended, second.ended]);
    signal.throwIfAborted();
    return await Promise.all([first.report, second.report]);
  } catch (error) {
    // Whoever was left alone says so too; the reason is what the other one says.
    throw failures.find((failure) => !CONSEQUENCES.has(codeOf(failure))) ?? failures[0] ?? error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

const CONSEQUENCES = new Set(['PEER_DIED', 'CHILD_ENDED'] as (string | undefined)[]);
