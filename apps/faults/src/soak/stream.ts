import type { ReceiverInfo, Sender } from '@pageferry/core';
import type { Plan } from '../killing/plan.js';
import { until } from '../until.js';
import type { Sampler } from './sample.js';
import { sendSome } from './talk.js';

/** A receiver as a sender in shared memory knows it. */
type Dropping = ReceiverInfo & { readonly messagesDropped?: number };

/** The sender that stays, and what is known of what it has sent. */
export class Stream {
  readonly #sender: Sender;
  #sent = 0;
  #counted = 0;
  /** Dropped for receivers that have left. */
  #dropped = 0;
  #droppedCounted = 0;

  constructor(sender: Sender) {
    this.#sender = sender;
    sender.on('leave', ({ messagesDropped = 0 }: Dropping) => {
      this.#dropped += messagesDropped;
    });
  }

  /** How many messages were sent by what has resolved. */
  get sent(): number {
    return this.#sent;
  }

  /** Sends until `isOver`. */
  async send(plan: Plan, isOver: () => boolean): Promise<void> {
    const { POSITIVE_INFINITY } = Number;
    this.#sent += await sendSome(this.#sender, plan, POSITIVE_INFINITY, isOver, this.#sent);
  }

  /** Waits until all receivers have what was sent: no `flush`, because they hold the last ones. */
  haveAll(held: number): Promise<boolean> {
    return until(() =>
      this.#sender.receivers.every(({ messagesBehind }) => messagesBehind <= held),
    );
  }

  /** Tells what has been sent and dropped since this was called last. */
  count(sampler: Sampler): void {
    const { messagesSent } = this.#sender.stats();
    const present = this.#sender.receivers.map(
      ({ messagesDropped = 0 }: Dropping) => messagesDropped,
    );
    const dropped = present.reduce((sum, each) => sum + each, this.#dropped);
    sampler.add(messagesSent - this.#counted, Math.max(0, dropped - this.#droppedCounted));
    this.#counted = messagesSent;
    this.#droppedCounted = Math.max(dropped, this.#droppedCounted);
  }
}
