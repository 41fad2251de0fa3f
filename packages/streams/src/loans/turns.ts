import { SerialQueue } from '@pageferry/core';

/** Who reads from which source now, by the object; a bare descriptor is known by its number while it is read from. */
const ofObjects = new WeakMap<object, SerialQueue>();
const ofDescriptors = new Map<number, SerialQueue>();

/**
 * Runs `task` once every earlier one for the same source has settled.
 *
 * @param task may keep the turn longer than it runs: until what it passes has resolved.
 */
export function inTurn<T>(
  source: object | number,
  signal: AbortSignal | undefined,
  task: (keepTurnUntil: (idle: Promise<void>) => void) => Promise<T>,
): Promise<T> {
  const queue = queueOf(source);
  return new Promise((resolve, reject) => {
    const turn = queue.run(async () => {
      let idle: Promise<void> = Promise.resolve();
      await task((until) => {
        idle = until;
      }).then(resolve, reject);
      await idle;
    }, signal);
    turn.catch(reject).finally(() => forget(source, queue));
  });
}

function queueOf(source: object | number): SerialQueue {
  const known = typeof source === 'number' ? ofDescriptors.get(source) : ofObjects.get(source);
  if (known !== undefined) return known;
  const queue = new SerialQueue();
  if (typeof source === 'number') ofDescriptors.set(source, queue);
  else ofObjects.set(source, queue);
  return queue;
}

/** The number may be another file's next. */
async function forget(source: object | number, queue: SerialQueue): Promise<void> {
  await undefined; // The queue notices in the turn after the last one that it is empty.
  if (typeof source === 'number' && !queue.busy && ofDescriptors.get(source) === queue) {
    ofDescriptors.delete(source);
  }
}
