/** Lets the event loop turn `count` times: whatever could happen now has happened then. */
export async function turns(count = 20): Promise<void> {
  for (let turn = 0; turn < count; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** A promise under observation. */
export interface Observed<T> {
  readonly promise: Promise<T>;
  /** What has become of it so far. */
  readonly state: () => 'pending' | 'resolved' | 'rejected';
}

/** Observes a promise that a test expects to stay pending for a while, or to fail later. */
export function observe<T>(promise: Promise<T>): Observed<T> {
  let state: 'pending' | 'resolved' | 'rejected' = 'pending';
  promise.then(
    () => {
      state = 'resolved';
    },
    () => {
      state = 'rejected';
    },
  );
  return { promise, state: () => state };
}
