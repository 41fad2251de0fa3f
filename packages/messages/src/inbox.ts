import {
  afterMicrotasks,
  type Channel,
  type ChannelDelivery,
  isPageferryError,
  WaitList,
} from '@pageferry/core';
import { isGivenUp, requestNumberOf } from './format.js';

/** How it ended: in order, or with an error. */
export interface End {
  readonly error?: unknown;
}

/** What {@link Inbox} tells. None may throw. */
export interface InboxEvents {
  /** A request; it takes it over. */
  onRequest(delivery: ChannelDelivery): void;
  /** A message; true if it was taken over, else it is kept for {@link Inbox.take}. */
  onMessage(delivery: ChannelDelivery): boolean;
  /** Who has asked has given a request up. */
  onGivenUp(requestNumber: number): void;
  onEnd(end: End): void;
}

/** Takes what comes over a channel, and only while somebody wants something. */
export class Inbox {
  readonly #channel: Channel;
  readonly #events: InboxEvents;
  readonly #kept: ChannelDelivery[] = [];
  /** Requests that came when they were not wanted any more. */
  readonly #keptRequests: ChannelDelivery[] = [];
  readonly #waiting = new WaitList();
  /** How many calls wait for a message. */
  #wanted = 0;
  #servesAll = false;
  #watchesEnd = false;
  #isRunning = false;
  #idle = new AbortController();
  #end: End | undefined;

  constructor(channel: Channel, events: InboxEvents) {
    this.#channel = channel;
    this.#events = events;
  }

  /** Whether everything that comes is to be taken at once: there are handlers or listeners. */
  set servesAll(on: boolean) {
    this.#servesAll = on;
    this.#adjust();
  }

  /**
   * Whether somebody wants to know of the end. It is behind all that was sent before it: so one message is taken, and
   * kept for whoever takes messages.
   */
  set watchesEnd(on: boolean) {
    this.#watchesEnd = on;
    this.#adjust();
  }

  /** The oldest message that nobody has taken, if there is one. */
  takeKept(): ChannelDelivery | undefined {
    return this.#kept.shift();
  }

  /** The next message; `undefined` at the end. */
  async take(signal: AbortSignal | undefined): Promise<ChannelDelivery | undefined> {
    this.#wanted++;
    try {
      for (;;) {
        this.#adjust();
        await this.#waiting.until(() => this.#kept.length > 0 || this.#end !== undefined, signal);
        const delivery = this.#kept.shift();
        if (delivery !== undefined) return delivery;
        if (this.#end === undefined) continue;
        if (this.#end.error !== undefined) throw this.#end.error;
        return undefined;
      }
    } finally {
      this.#wanted--;
      this.#adjust();
    }
  }

  /** Gives back what nobody has taken. */
  close(): void {
    for (const delivery of this.#kept.splice(0)) delivery.release();
    for (const delivery of this.#keptRequests.splice(0)) delivery.release();
  }

  /** Whether what comes has somebody to take it. */
  get #isWanted(): boolean {
    return this.#servesAll || this.#wanted > this.#kept.length;
  }

  get #isNeeded(): boolean {
    return (
      this.#isWanted || (this.#watchesEnd && this.#kept.length + this.#keptRequests.length === 0)
    );
  }

  #adjust(): void {
    if (!this.#isNeeded) {
      this.#idle.abort();
      return;
    }
    if (this.#isWanted) {
      for (const delivery of this.#keptRequests.splice(0)) this.#events.onRequest(delivery);
    }
    if (this.#isRunning || this.#end !== undefined) return;
    this.#isRunning = true;
    void this.#run();
  }

  async #run(): Promise<void> {
    while (this.#isNeeded && this.#end === undefined) {
      try {
        // Under a signal, a wait costs as much as a message. So where everything is taken there is none, and what
        // comes first after that has ended is kept.
        const delivery = await (this.#servesAll
          ? this.#channel.receive()
          : this.#channel.receive({ signal: this.#freshIdle() }));
        if (delivery === undefined) this.#finish({});
        else {
          this.#place(delivery);
          // To look for the next one is to poll for a while: what was handed over just now is to be done before, or its
          // answer would wait until that is over.
          await afterMicrotasks();
        }
      } catch (error) {
        if (!isPageferryError(error, 'ABORTED')) this.#finish({ error });
      }
    }
    this.#isRunning = false;
  }

  #freshIdle(): AbortSignal {
    if (this.#idle.signal.aborted) this.#idle = new AbortController();
    return this.#idle.signal;
  }

  #place(delivery: ChannelDelivery): void {
    if (delivery.isRequest) {
      if (this.#isWanted) this.#events.onRequest(delivery);
      else this.#keptRequests.push(delivery);
      return;
    }
    if (isGivenUp(delivery.bytes)) {
      this.#events.onGivenUp(requestNumberOf(delivery.bytes));
      delivery.release();
      return;
    }
    if (this.#wanted <= this.#kept.length && this.#events.onMessage(delivery)) return;
    this.#kept.push(delivery);
    this.#waiting.wake();
  }

  #finish(end: End): void {
    this.#end = end;
    this.#waiting.wake();
    this.#events.onEnd(end);
  }
}
