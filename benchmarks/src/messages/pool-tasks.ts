/** What the workers of either pool run. */
import { shared } from '@pageferry/messages';
import type { TaskContext } from '@pageferry/workers';
import { move } from 'piscina';

export const nothing = (): undefined => undefined;

/** Of the one pool the worker writes to the memory that is sent; of the other one to the buffer that it got, and gives it back. */
export async function fillComposed(task: Uint8Array, { compose }: TaskContext): Promise<unknown> {
  const answer = await compose(shared(Uint8Array, task.length));
  answer.value.fill(next(task));
  return answer;
}

export function fillMoved(task: Uint8Array): unknown {
  task.fill(next(task));
  return move(task);
}

/** The same where next to nothing is computed. */
export async function markComposed(task: Uint8Array, { compose }: TaskContext): Promise<unknown> {
  const answer = await compose(shared(Uint8Array, task.length));
  mark(answer.value, next(task));
  return answer;
}

export function markMoved(task: Uint8Array): unknown {
  mark(task, next(task));
  return move(task);
}

/** The answer in a buffer of its own, and that in the transfer list. */
export function fillNew(task: Uint8Array): unknown {
  return move(fillOwn(task));
}

/** As a program has it that knows nothing of `compose`. */
export function fillOwn(task: Uint8Array): Uint8Array {
  return new Uint8Array(task.length).fill(next(task));
}

/** Writes the first byte and the last one. */
export function mark(bytes: Uint8Array, number: number): void {
  bytes[0] = number;
  bytes[bytes.length - 1] = number;
}

/** What the answer is filled with. The task has to have arrived. */
export function next(task: Uint8Array): number {
  const [first = 0] = task;
  if (task.at(-1) !== first) throw new Error('the task did not arrive whole');
  return (first + 1) % 256;
}
