import { clock } from '../waiting/clock.js';

/** How long a receiver may take to say hello, in milliseconds. It takes up room in the sender meanwhile. */
export const HELLO_PATIENCE = 10_000;

/** How many receivers may be connected without having said hello. */
export const MAX_HANDSHAKES = 64;

/** A receiver that has connected and not said hello. */
export interface Handshake {
  /** Ends the connection. */
  hangUp(): void;
  /** Whether waiting for the hello keeps the event loop alive. It does until this is called. */
  keepAlive(on: boolean): void;
}

/**
 * The handshakes that are under way at a sender, beside each other. Whoever is silent too long is hung up
 * on; where there are too many, whoever is silent longest makes room for the next. So receivers that say
 * nothing keep nobody out, however many they are.
 */
export class Handshakes {
  readonly #patience: number | undefined;
  /** In the order in which they came, each with its time limit. */
  readonly #underWay = new Map<Handshake, NodeJS.Timeout | undefined>();
  #closed = false;
  #keepsAlive = true;

  /** @param patience how long a receiver may take, in milliseconds; `undefined` for as long as it likes. */
  constructor(patience: number | undefined) {
    this.#patience = patience;
  }

  /** True once there are to be no more. */
  get closed(): boolean {
    return this.#closed;
  }

  /** A receiver has come. */
  begin(handshake: Handshake): void {
    if (this.#closed) {
      handshake.hangUp();
      return;
    }
    const [oldest] = this.#underWay.keys();
    if (oldest !== undefined && this.#underWay.size >= MAX_HANDSHAKES) this.#hangUp(oldest);
    const timer =
      this.#patience === undefined
        ? undefined
        : clock.setTimeout(() => this.#hangUp(handshake), this.#patience);
    // The connection keeps the process alive, or is not to.
    timer?.unref();
    this.#underWay.set(handshake, timer);
    if (!this.#keepsAlive) handshake.keepAlive(false);
  }

  /** It has said hello, or has left. Harmless the second time. */
  end(handshake: Handshake): void {
    clock.clearTimeout(this.#underWay.get(handshake));
    this.#underWay.delete(handshake);
  }

  /** Whether handshakes that are under way keep the event loop alive. They do until this is called. */
  keepAlive(on: boolean): void {
    this.#keepsAlive = on;
    for (const handshake of this.#underWay.keys()) handshake.keepAlive(on);
  }

  /** Ends all that are under way, and those that begin from now on. */
  close(): void {
    this.#closed = true;
    for (const handshake of this.#underWay.keys()) this.#hangUp(handshake);
  }

  #hangUp(handshake: Handshake): void {
    this.end(handshake);
    handshake.hangUp();
  }
}
