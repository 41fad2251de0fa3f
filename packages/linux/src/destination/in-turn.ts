/** The last task for each name that is under way. */
const tails = new Map<string, Promise<unknown>>();

/** Runs `task` once every earlier one of that name has settled. A failed one does not stop the next. */
export async function inTurn<T>(name: string, task: () => Promise<T>): Promise<T> {
  const before = tails.get(name);
  const turn = before === undefined ? task() : before.then(task, task);
  tails.set(name, turn);
  try {
    return await turn;
  } finally {
    if (tails.get(name) === turn) tails.delete(name);
  }
}
