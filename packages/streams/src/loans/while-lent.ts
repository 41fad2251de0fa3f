import { eachSecond, type Loan, PageferryError, withEither } from '@pageferry/core';

/**
 * Runs `task` with a signal that fires as `signal` does, and within a second of the end of the sender of `loan`. No
 * event tells of that, and a source that gives nothing more would never have anybody look.
 *
 * @throws `CLOSED`, by way of the signal's reason.
 */
export async function whileLent<T>(
  loan: Loan,
  signal: AbortSignal | undefined,
  task: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const closed = new AbortController();
  const noLook = eachSecond(() => {
    if (!loan.owned) closed.abort(senderClosed());
  });
  try {
    const result = await withEither(signal, closed.signal, task);
    if (!loan.owned) throw senderClosed();
    return result;
  } finally {
    noLook();
  }
}

function senderClosed(): PageferryError {
  return new PageferryError('CLOSED', 'this sender was closed while its loan was being filled');
}
