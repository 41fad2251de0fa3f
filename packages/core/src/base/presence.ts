import { EventEmitter } from 'node:events';
import { invalidArgument } from '../checks.js';
import type { ReceiverEvent, ReceiverInfo } from '../contract/sender.js';
import { named, publish } from '../diagnostics/publish.js';
import { clock } from '../waiting/clock.js';

/** Who is to be told of whoever joins and leaves; of one that leaves because of an error, also that. */
type PresenceListener<T> = (who: T, reason?: unknown) => void;

/** Tells a program of the receivers that join and leave, or of whoever else does. */
export class Presence<T = ReceiverInfo> {
  readonly #events = new EventEmitter();
  #ended = false;
  /** The endpoint of a sender whose receivers these are. */
  #sender: string | undefined;

  /** @throws `INVALID_ARGUMENT` for another event, and unless `listener` is a function. */
  on(event: ReceiverEvent, listener: PresenceListener<T>): void {
    this.#events.on(checkEvent(event), checkListener(listener));
  }

  /** @throws as {@link on}. */
  off(event: ReceiverEvent, listener: PresenceListener<T>): void {
    this.#events.off(checkEvent(event), checkListener(listener));
  }

  /** Has diagnostics tell of those who come and go, as of receivers of the sender at `endpoint`. */
  reportAs(this: Presence, endpoint: string): void {
    this.#sender = endpoint;
  }

  /** For `BaseSender`: whoever is there when the sender closes does not leave. */
  end(): void {
    this.#ended = true;
  }

  /**
   * For backends. The program is told soon, not in the middle of what the backend does.
   *
   * @param reason at most one, to be told beside.
   */
  tell(event: ReceiverEvent, who: () => T, ...reason: [] | [unknown]): void {
    if (this.#ended) return;
    this.#report(event, who, reason);
    if (this.#events.listenerCount(event) === 0) return;
    const told = who();
    clock.nextTick(() => this.#events.emit(event, told, ...reason));
  }

  #report(event: ReceiverEvent, who: () => T, [reason]: readonly unknown[]): void {
    const endpoint = this.#sender;
    if (endpoint === undefined) return;
    const tell = () => {
      const receiver = who() as ReceiverInfo;
      return { side: 'sender' as const, ...named(endpoint), receiver };
    };
    if (event === 'join') publish('pageferry:connect', tell);
    else publish('pageferry:disconnect', () => ({ ...tell(), ...(reason ? { reason } : {}) }));
  }
}

function checkEvent(event: unknown): ReceiverEvent {
  if (event === 'join' || event === 'leave') return event;
  throw invalidArgument('event', event, "'join' or 'leave'");
}

function checkListener<F>(listener: F): F {
  if (typeof listener === 'function') return listener;
  throw invalidArgument('listener', listener, 'a function');
}
