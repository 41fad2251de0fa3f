/** What the workers of either pool run. */
import { shared } from '@pageferry/messages';
import type { TaskContext } from '@pageferry/workers';
import { move } from 'piscina';

export const nothing = (): undefined => undefined;

/** Of the one pool the worker fills the memory that is sent; of the other one the buffer that it got, and gives it back. */
export async function fillComposed(task: Uint8Array, { compose }: TaskContext): Promise<unknown> {
  const answer = await compose(shared(Uint8Array, task.length));
  answer.value.fill(next(task));
  return answer;
}

/** As a program has it that knows nothing of `compose`. */
export function fillOwn(task: Uint8Array): Uint8Array {
  return new Uint8Array(task.length).fill(next(task));
}

/** With the buffer in the transfer list, there and back. */
export function fillMoved(task: Uint8Array): unknown {
  task.fill(next(task));
  return move(task);
}

/** The answer in a buffer of its own, and that in the transfer list. */
export function fillNew(task: Uint8Array): unknown {
  return move(fillOwn(task));
}

/** What the answer is filled with. The task has to have arrived. */
export function next(task: Uint8Array): number {
  const [first = 0] = task;
  if (task.at(-1) !== first) throw new Error('the task did not arrive whole');
  return (first + 1) % 256;
}
