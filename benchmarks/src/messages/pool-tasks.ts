/** What the workers of either pool run. */
import { shared } from '@pageferry/messages';
import type { TaskContext } from '@pageferry/workers';
import { move } from 'piscina';

export const nothing = (): undefined => undefined;

/** What a side does with the bytes that it sends. */
export type Write = (bytes: Uint8Array, number: number) => void;

/** Of the one pool the worker writes to the memory that is sent. */
const composed =
  (write: Write) =>
  async (task: Uint8Array, { compose }: TaskContext): Promise<unknown> => {
    const answer = await compose(shared(Uint8Array, task.length));
    write(answer.value, next(task));
    return answer;
  };

/** Of the other one to the buffer that it got, and gives it back. */
const moved =
  (write: Write) =>
  (task: Uint8Array): unknown => {
    write(task, next(task));
    return move(task);
  };

export const fillComposed = composed(fill);
export const fillMoved = moved(fill);
/** The same where next to nothing is computed. */
export const markComposed = composed(mark);
export const markMoved = moved(mark);

/** The answer in a buffer of its own, and that in the transfer list. */
export function fillNew(task: Uint8Array): unknown {
  return move(fillOwn(task));
}

/** As a program has it that knows nothing of `compose`. */
export function fillOwn(task: Uint8Array): Uint8Array {
  return new Uint8Array(task.length).fill(next(task));
}

/** Writes all bytes. */
export function fill(bytes: Uint8Array, number: number): void {
  bytes.fill(number);
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
