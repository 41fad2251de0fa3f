import { EventEmitter } from 'node:events';
import { invalidArgument } from '../checks.js';
import type { ReceiverEvent, ReceiverInfo } from '../contract/sender.js';
import { clock } from '../waiting/clock.js';

/** Tells a program of the receivers that join and leave. */
export class Presence {
  readonly #events = new EventEmitter();
  #ended = false;

  /** @throws `INVALID_ARGUMENT` unless `listener` is a function. */
  on(event: ReceiverEvent, listener: (receiver: ReceiverInfo) => void): void {
    if (typeof listener !== 'function') throw invalidArgument('listener', listener, 'a function');
    this.#events.on(event, listener);
  }

  off(event: ReceiverEvent, listener: (receiver: ReceiverInfo) => void): void {
    this.#events.off(event, listener);
  }

  /** For `BaseSender`: whoever is there when the sender closes does not leave. */
  end(): void {
    this.#ended = true;
  }

  /** For backends. The program is told soon, not in the middle of what the backend does. */
  tell(event: ReceiverEvent, info: () => ReceiverInfo): void {
    if (this.#ended || this.#events.listenerCount(event) === 0) return;
    const receiver = info();
    clock.nextTick(() => this.#events.emit(event, receiver));
  }
}
