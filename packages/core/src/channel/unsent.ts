/** Errors of calls that were to send something, and have sent nothing. */
const unsent = new WeakSet<object>();

/** Notes that nothing was sent when `error` was thrown. Returns the error. */
export function noteUnsent(error: unknown): unknown {
  if (typeof error === 'object' && error !== null) unsent.add(error);
  return error;
}

/** True if nothing was sent for certain. */
export function isUnsent(error: unknown): boolean {
  return typeof error === 'object' && error !== null && unsent.has(error);
}
