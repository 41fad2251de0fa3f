/**
 * What is to be done when a signal fires: one listener for each signal, whoever waits under it. A
 * program passes one signal to everything it does, and Node takes more than ten listeners for a leak.
 */
const waiting = new WeakMap<AbortSignal, Set<() => void>>();

/** Signals of calls that wait, within which others may wait: their reasons are the errors to throw, also by those. */
const ofCalls = new WeakSet<AbortSignal>();

/** Notes that the reason of `signal` is what calls under it have to throw when it fires. */
export function noteReasonIsError(signal: AbortSignal): void {
  ofCalls.add(signal);
}

/** Whether the reason of `signal` is what calls under it have to throw. */
export function isReasonError(signal: AbortSignal): boolean {
  return ofCalls.has(signal);
}

/**
 * Calls `callback` when `signal` fires. A signal that has fired already does not fire again: look at
 * `aborted` before.
 *
 * @param callback must not throw. It is called at most once.
 * @returns the function that takes it back, which has to be called when the wait is over: the signal may
 *   live as long as the program.
 */
export function onAbort(signal: AbortSignal | undefined, callback: () => void): () => void {
  if (signal === undefined) return () => undefined;
  const callbacks = waiting.get(signal) ?? listen(signal);
  // Of its own, should the same function wait twice.
  const once = (): void => callback();
  callbacks.add(once);
  return () => {
    if (!callbacks.delete(once) || callbacks.size > 0) return;
    if (waiting.get(signal) === callbacks) stopListening(signal);
  };
}

/**
 * Runs a wait that ends with either of two signals. (`AbortSignal.any` is for signals that live as long
 * as each other: on Node 20 and 22 the one that lives on keeps something of each call.)
 *
 * @param run gets one signal for both; its reason is that of the one that fired. A call under it throws what it would
 *   throw under that one.
 */
export async function withEither<T>(
  first: AbortSignal | undefined,
  second: AbortSignal,
  run: (either: AbortSignal) => Promise<T>,
): Promise<T> {
  if (first === undefined || second.aborted) return run(second);
  if (first.aborted) return run(first);
  const controller = new AbortController();
  const forget = [first, second].map((signal) =>
    onAbort(signal, () => {
      if (isReasonError(signal)) noteReasonIsError(controller.signal);
      controller.abort(signal.reason);
    }),
  );
  try {
    return await run(controller.signal);
  } finally {
    for (const each of forget) each();
  }
}

function listen(signal: AbortSignal): Set<() => void> {
  const callbacks = new Set<() => void>();
  waiting.set(signal, callbacks);
  signal.addEventListener('abort', onFire);
  return callbacks;
}

function stopListening(signal: AbortSignal): void {
  waiting.delete(signal);
  signal.removeEventListener('abort', onFire);
}

/**
 * The one listener. It serves all signals, and finds out by `this` which one has fired: on Node 20 the
 * event has no `currentTarget` any more once another listener was called before.
 */
function onFire(this: AbortSignal): void {
  const callbacks = waiting.get(this);
  stopListening(this);
  for (const callback of callbacks ?? []) {
    // One that was called may have taken back others.
    if (callbacks?.delete(callback)) callback();
  }
}
