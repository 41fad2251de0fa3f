import type { Channel, Listener } from '@pageferry/core';
import { codeOf, type Witness } from '../killing/traffic.js';
import { LIMIT } from '../until.js';
import { talk } from './talk.js';
import type { Home } from './visits.js';

/** How many messages each who comes is sent. */
const GREETINGS = 100;

/** The listener that stays: talks to each who comes, until that one leaves or dies. */
export class Door {
  readonly #home: Home;
  readonly #listener: Listener;
  readonly #accepting: Promise<string>;
  readonly #stop = new AbortController();
  readonly #talking = new Set<Promise<void>>();

  constructor(home: Home, listener: Listener) {
    this.#home = home;
    this.#listener = listener;
    this.#accepting = this.#accept().catch(codeOf);
  }

  /** Closes it when all have left. */
  async close(): Promise<void> {
    await Promise.all(this.#talking);
    this.#stop.abort();
    const ending = await this.#accepting;
    if (ending !== 'ABORTED')
      this.#home.doorFault(`the listener accepts nobody any more: ${ending}`);
    await this.#listener.close(LIMIT);
  }

  async #accept(): Promise<never> {
    for (;;) {
      const channel = await this.#listener.accept({ signal: this.#stop.signal });
      const talking = this.#talk(channel).finally(() => this.#talking.delete(talking));
      this.#talking.add(talking);
    }
  }

  async #talk(channel: Channel): Promise<void> {
    const { sampler, door } = this.#home;
    const witness: Witness = {
      delivered: () => sampler.add(1),
      fault: (what) => this.#home.doorFault(what),
    };
    const ending = await talk(channel, door.plan, GREETINGS, witness, true);
    sampler.add(GREETINGS);
    this.#home.seen(ending);
  }
}
