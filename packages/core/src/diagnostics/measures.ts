import type { ReceiverHistograms, SenderHistograms } from '../contract/histograms.js';
import { Magnitudes, microseconds } from './magnitudes.js';

/** What a sender counts if it is asked to. */
export class SenderMeasures {
  readonly sent: Magnitudes = new Magnitudes();
  readonly #waited = new Magnitudes();

  /** Has `wait` wait until `ready`, and notes for how long, unless that was so at once. */
  async noteWait(
    ready: () => boolean,
    wait: (look: () => boolean) => Promise<void>,
  ): Promise<void> {
    const start = microseconds();
    let mustWait = false;
    try {
      await wait(() => {
        const isReady = ready();
        mustWait ||= !isReady;
        return isReady;
      });
    } finally {
      if (mustWait) this.#waited.addSince(start);
    }
  }

  snapshot(): SenderHistograms {
    return { sentBytes: this.sent.snapshot(), waitedMicroseconds: this.#waited.snapshot() };
  }
}

/** What a receiver counts if it is asked to. */
export class ReceiverMeasures {
  readonly received: Magnitudes = new Magnitudes();
  readonly #held = new Magnitudes();
  /** When each was handed over. Weak: what a program has dropped is to be found by the garbage collector. */
  readonly #handedOver = new WeakMap<object, number>();

  /** A delivery is the program's from now on. */
  begin(delivery: object): void {
    this.#handedOver.set(delivery, microseconds());
  }

  /** A delivery was released. */
  end(delivery: object): void {
    const start = this.#handedOver.get(delivery);
    if (start !== undefined) this.#held.addSince(start);
  }

  snapshot(): ReceiverHistograms {
    return { receivedBytes: this.received.snapshot(), heldMicroseconds: this.#held.snapshot() };
  }
}
