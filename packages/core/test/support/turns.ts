/** Lets the event loop turn a few times. */
export async function turns(count = 5): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** What has become of a promise after a few turns. */
export async function stateOf(promise: Promise<unknown>): Promise<'pending' | 'settled'> {
  let state: 'pending' | 'settled' = 'pending';
  const settled = (): void => {
    state = 'settled';
  };
  promise.then(settled, settled);
  await turns();
  return state;
}
