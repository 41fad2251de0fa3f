/** What the workers of either pool run. */
import { shared } from '@pageferry/messages';
import type { TaskContext } from '@pageferry/workers';
import { move } from 'piscina';

export const nothing = (): undefined => undefined;

/** Of the one pool the worker fills the memory that is sent; of the other one the buffer that it got, and gives it back. */
export async function fillComposed(task: Uint8Array, { compose }: TaskContext): Promise<unknown> {
  const answer = await compose(shared(Uint8Array, task.length));
  fillAnswer(answer.value, task);
  return answer;
}

/** As a program has it that knows nothing of `compose`. */
export function fillOwn(task: Uint8Array): Uint8Array {
  return fillAnswer(new Uint8Array(task.length), task);
}

/** With the buffer in the transfer list, there and back. */
export function fillMoved(task: Uint8Array): unknown {
  return move(fillAnswer(task, task));
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

/** What a worker computes. How long that took, in nanoseconds, is the last number of the answer. */
function fillAnswer(answer: Uint8Array, task: Uint8Array): Uint8Array {
  const begin = performance.now();
  answer.fill(next(task));
  timeOf(answer)[0] = (performance.now() - begin) * 1e6;
  return answer;
}

/** Where the time is that a worker took to fill an answer. */
export function timeOf({ buffer, byteOffset, length }: Uint8Array): Float64Array {
  return new Float64Array(buffer, byteOffset + length - 8, 1);
}
