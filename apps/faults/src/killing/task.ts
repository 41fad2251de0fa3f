import { isWhole, write } from '../message.js';

/** What the workers of a pool run: looks at the task, and answers with another message of the same length. */
export default function answer({ task, number }: { task: Uint8Array; number: number }): Uint8Array {
  if (!isWhole(task, number)) throw new Error(`task ${number} is not whole`);
  const bytes = new Uint8Array(task.length);
  write(bytes, number + 1);
  return bytes;
}
