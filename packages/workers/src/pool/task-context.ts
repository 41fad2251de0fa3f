import { LazyAbort } from '@pageferry/core';
import type { ComposedMessage } from '@pageferry/messages';

/**
 * What a function of a worker gets besides its task.
 *
 * @example
 * export default async function invert(pixels: Uint8Array, { compose }: TaskContext) {
 *   const answer = await compose(shared(Uint8Array, pixels.length));
 *   for (let index = 0; index < pixels.length; index++) answer.value[index] = 255 - pixels[index];
 *   return answer;
 * }
 */
export interface TaskContext {
  /** What `run` was given as `name`, or `'default'`. */
  readonly name: string;
  /** Fires when the task is not wanted any more. A worker that goes on regardless is ended after `abortGrace`. */
  readonly signal: AbortSignal;
  /**
   * Lays the answer out in the memory that is sent, as `Port.compose`: what `shared(type, length)` stands for is filled in
   * place. Return the message itself.
   */
  readonly compose: <T>(value: T) => Promise<ComposedMessage<T>>;
}

/** The signal as a property of the context's own, as the others are: who spreads it has it, too. */
const SIGNAL: PropertyDescriptor = {
  ...Object.getOwnPropertyDescriptor(LazyAbort.prototype, 'signal'),
  enumerable: true,
};

/** A task that runs, as its function knows it. */
export class RunningTask extends LazyAbort implements TaskContext {
  readonly name: string;
  readonly compose: TaskContext['compose'];

  constructor(name: string, compose: TaskContext['compose']) {
    super();
    this.name = name;
    this.compose = compose;
    Object.defineProperty(this, 'signal', SIGNAL);
  }
}
