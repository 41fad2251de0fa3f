import { isWhole, write } from '../message.js';
import { pause } from '../until.js';

/** What a worker is given. */
export interface Task {
  readonly task: Uint8Array;
  readonly number: number;
  /** Whether it never answers, and holds the task until it is killed. */
  readonly holds?: boolean;
}

/** What the workers of a pool run: looks at the task, and answers with another message of the same length. */
export default async function answer({ task, number, holds = false }: Task): Promise<Uint8Array> {
  if (!isWhole(task, number)) throw new Error(`task ${number} is not whole`);
  if (holds) await pause(2 ** 31 - 1);
  const bytes = new Uint8Array(task.length);
  write(bytes, number + 1);
  return bytes;
}
