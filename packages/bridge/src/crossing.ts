import {
  type Delivery,
  type InPlaceSender,
  isPageferryError,
  type Receiver,
  type Sender,
} from '@pageferry/core';
import type { BridgeSettings } from './options.js';
import type { Counts } from './stats.js';

/** For how long to wait for a message that may be too large while others are under way. */
const LOOK_AGAIN = { timeout: 500 };

/** What a {@link Crossing} is made of. It does not close the two. */
export interface CrossingParts {
  readonly receiver: Receiver;
  readonly sender: Sender;
  readonly settings: BridgeSettings;
  readonly counts: Counts;
}

/** Passes on what a receiver gets, as long as one sender has something to say. */
export class Crossing {
  readonly #parts: CrossingParts;
  /** Ends all waits of this crossing when something has failed. */
  readonly #stop = new AbortController();
  /** Ends the wait for the next message. */
  readonly #noMore = new AbortController();
  readonly #underWay = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | undefined;
  #next: number | undefined;
  #passed = 0;

  constructor(parts: CrossingParts) {
    this.#parts = parts;
  }

  /** How many messages were received. */
  get passed(): number {
    return this.#passed;
  }

  /**
   * Passes messages on until the sender has closed in order, and all of them have left.
   *
   * @throws what ends it otherwise. What had arrived before has left then, if it could.
   */
  async run(): Promise<void> {
    let ended: { readonly error: unknown } | undefined;
    try {
      await this.#receive();
    } catch (error) {
      ended = { error };
    }
    // What has arrived whole is sent on, also of a sender that has died.
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
    const failure = this.#failure ?? ended;
    if (failure !== undefined) throw failure.error;
  }

  /** Has it receive nothing more. What is under way goes on. */
  receiveNoMore(): void {
    this.#noMore.abort();
  }

  /** Gives up what is under way. */
  stop(): void {
    this.#noMore.abort();
    this.#stop.abort();
  }

  async #receive(): Promise<void> {
    for (;;) {
      const delivery = await this.#takeNext();
      if (delivery === undefined) return;
      this.#note(delivery);
      const passing: Promise<void> = this.#pass(delivery).then(
        () => this.#forget(passing, delivery),
        (error) => {
          this.#underWay.delete(passing);
          this.#fail(error);
        },
      );
      this.#underWay.add(passing);
      // Without a way to send it where it is, one after the other: otherwise it would be copied before its time.
      if (!isInPlace(this.#parts.sender)) await passing;
    }
  }

  async #takeNext(): Promise<Delivery | undefined> {
    const { receiver, settings } = this.#parts;
    const { signal } = this.#noMore;
    for (;;) {
      while (this.#underWay.size >= settings.maxUnderWay || this.#holdsEnough()) {
        await Promise.race(this.#underWay);
      }
      const delivery = signal.aborted ? undefined : receiver.tryReceive();
      if (delivery !== undefined) return delivery;
      try {
        return await receiver.receive({ signal, ...(this.#underWay.size > 0 && LOOK_AGAIN) });
      } catch (error) {
        if (!isPageferryError(error, 'TIMEOUT')) throw error;
      }
    }
  }

  /** Whether the next message has to wait for one that is under way. A receive that waited for it would warn of a mistake. */
  #holdsEnough(): boolean {
    if (this.#underWay.size === 0) return false;
    const { receiver, settings, counts } = this.#parts;
    const { byteLength = 0 } = receiver.peek() ?? {};
    return counts.bytesUnderWay + byteLength > settings.maxBytesUnderWay;
  }

  #note({ sequence, byteLength, descriptors }: Delivery): void {
    const { counts } = this.#parts;
    counts.messagesMissed += Math.max(0, sequence - (this.#next ?? sequence));
    counts.messagesUnderWay++;
    counts.bytesUnderWay += byteLength;
    counts.descriptorsDropped += descriptors;
    this.#next = sequence + 1;
    this.#passed++;
  }

  #forget(passing: Promise<void>, delivery: Delivery): void {
    const { counts } = this.#parts;
    this.#underWay.delete(passing);
    counts.messagesUnderWay--;
    counts.bytesUnderWay -= delivery.byteLength;
    delivery.release();
  }

  /** Sends a message on, and resolves once nobody reads it here any more. */
  async #pass(delivery: Delivery): Promise<void> {
    const { sender, settings, counts } = this.#parts;
    const { byteLength } = delivery;
    const isTooLarge = byteLength > settings.to.transport.capabilities.maxMessageBytes;
    if (isTooLarge || (await this.#send(sender, delivery)) === 'no-receiver') {
      counts.messagesDropped++;
      return;
    }
    counts.messagesBridged++;
    counts.bytesBridged += byteLength;
  }

  async #send(sender: Sender, { bytes, tag, sequence }: Delivery): Promise<'sent' | 'no-receiver'> {
    const isPatient = this.#parts.settings.whenNobody === 'wait';
    const { signal } = this.#stop;
    if (isInPlace(sender)) {
      const options = { tag, sequence, waitForReceivers: isPatient, signal };
      return (await sender.sendInPlace(bytes, options)) as 'sent' | 'no-receiver';
    }
    for (;;) {
      const outcome = await sender.send(bytes, { tag, signal });
      if (outcome !== 'no-receiver') return 'sent';
      if (!isPatient) return 'no-receiver';
      await sender.waitForReceivers(1, { signal });
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.stop();
  }
}

function isInPlace(sender: Sender): sender is InPlaceSender {
  return typeof (sender as Partial<InPlaceSender>).sendInPlace === 'function';
}

/** What cannot get better by itself. */
const LASTING = [
  'INVALID_ARGUMENT',
  'ENDPOINT_INVALID',
  'ENDPOINT_TOO_LONG',
  'ENDPOINT_FORBIDDEN',
  'NOT_SUPPORTED',
  'NOT_PAGEFERRY',
  'VERSION_MISMATCH',
  'TRANSPORT_MISMATCH',
  'BINDING_UNAVAILABLE',
] as const;

/** Whether it is of no use to try again. */
export function isLasting(error: unknown): boolean {
  return !isPageferryError(error) || LASTING.some((code) => error.code === code);
}
