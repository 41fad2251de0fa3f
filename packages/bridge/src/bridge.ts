import {
  asyncDispose,
  type BridgeChange,
  onAbort,
  pauseFor,
  publish,
  type Receiver,
  type ReceiverOptions,
  type Sender,
  type SenderOptions,
} from '@pageferry/core';
import { Crossing, isLasting } from './crossing.js';
import { type BridgeOptions, type BridgeSettings, checkBridgeOptions } from './options.js';
import { sourceAt } from './source.js';
import { type BridgeStats, Counts } from './stats.js';

/** The first pause between two attempts to connect, in milliseconds. It doubles. */
const FIRST_PAUSE = 100;
/** How long a bridge that is closed waits for what is under way, in milliseconds. */
const FAREWELL = 1000;

/** A bridge that is open. Disposable with `await using`. */
export interface Bridge extends AsyncDisposable {
  /** Where messages come from. */
  readonly from: string;
  /** Where they go. */
  readonly to: string;
  /**
   * Resolves once the bridge is closed, or, with `once`, once its sender has closed in order. Rejects with what cannot get
   * better by itself, such as an endpoint that is forbidden, and, with `once`, with what has ended it.
   */
  readonly closed: Promise<void>;
  /** A snapshot of the counters. They never go down, but for what is under way. */
  stats(): BridgeStats;
  /**
   * Ends the bridge. What it has under way gets a second to leave; what has not left by then was not given back to its sender.
   * Receivers at the other end see `PEER_DIED`: the sender has not closed. Calling it again is harmless.
   */
  close(): Promise<void>;
}

/**
 * Opens a bridge: what the sender at one endpoint sends reaches the receivers at another one, which may be of another
 * transport, and so on another host. Messages arrive as they are, with their tags.
 *
 * - It is a receiver at `from`, and a sender at `to` as long as there is a sender at `from`: the end of that one, in order or not,
 *   is the end that receivers see. Then, and when an end cannot be connected to, it tries again, with growing pauses.
 * - Each message is given back to its sender once the other side has taken it over: back-pressure goes through, as the
 *   policies of both sides have it.
 *
 * @throws `INVALID_ARGUMENT`, `ENDPOINT_INVALID`, `ENDPOINT_FORBIDDEN`. Nothing is connected yet when it returns.
 * @example
 * await using bridge = openBridge({
 *   from: { transport: sharedMmap, endpoint: 'frames' },
 *   to: { transport: natsTransport({ servers }), endpoint: 'nats:camera.frames' },
 * });
 * await bridge.closed;
 */
export function openBridge<R extends ReceiverOptions, S extends SenderOptions>(
  options: BridgeOptions<R, S>,
): Bridge {
  return new OpenBridge(checkBridgeOptions(options as unknown as BridgeOptions));
}

class OpenBridge implements Bridge {
  readonly #settings: BridgeSettings;
  readonly #counts = new Counts();
  readonly #ending = new AbortController();
  readonly closed: Promise<void>;
  #state: BridgeChange['state'] = 'connecting';
  #lastFailure: { readonly error: unknown } | undefined;
  /** Of the sender that is open. */
  #found = (): number => 0;

  constructor(settings: BridgeSettings) {
    this.#settings = settings;
    const { signal } = settings;
    const forget = onAbort(signal, () => this.#ending.abort());
    if (signal?.aborted) this.#ending.abort();
    this.closed = this.#run().finally(() => {
      forget();
      this.#change({ state: 'closed' });
    });
  }

  get from(): string {
    return this.#settings.from.endpoint;
  }

  get to(): string {
    return this.#settings.to.endpoint;
  }

  stats(): BridgeStats {
    return {
      ...this.#counts,
      messagesFound: this.#counts.messagesFound + this.#found(),
      state: this.#state,
      ...(this.#lastFailure && { lastFailure: this.#lastFailure.error }),
    };
  }

  async close(): Promise<void> {
    this.#ending.abort();
    // Whoever waits for `closed` is told why it has ended.
    await this.closed.catch(() => undefined);
  }

  [asyncDispose](): Promise<void> {
    return this.close();
  }

  async #run(): Promise<void> {
    const { longestPause, once } = this.#settings;
    const { signal } = this.#ending;
    let pause = FIRST_PAUSE;
    await null; // The caller has the bridge when it is told of its state.
    while (!signal.aborted) {
      const { messagesBridged } = this.#counts;
      try {
        await this.#connectAndPass();
        if (once || signal.aborted) return;
        pause = FIRST_PAUSE;
        continue;
      } catch (error) {
        if (signal.aborted) return;
        this.#counts.failures++;
        this.#lastFailure = { error };
        if (isLasting(error) || (once && this.#state === 'bridging')) throw error;
        if (this.#counts.messagesBridged > messagesBridged) pause = FIRST_PAUSE;
        this.#change({ state: 'pausing', reason: error, milliseconds: pause });
      }
      await pauseFor(pause, signal).catch(() => undefined);
      pause = Math.min(2 * pause, longestPause);
    }
  }

  async #connectAndPass(): Promise<void> {
    this.#change({ state: 'connecting' });
    const { signal } = this.#ending;
    const { from, maxBytesUnderWay } = this.#settings;
    const receiver = await from.transport.createReceiver({
      maxBorrowedBytes: maxBytesUnderWay,
      ...from.options,
      endpoint: from.endpoint,
      signal,
    });
    try {
      await this.#pass(receiver);
    } finally {
      await receiver.close();
      // It has given all back that it still had.
      this.#counts.messagesUnderWay = 0;
      this.#counts.bytesUnderWay = 0;
    }
  }

  async #pass(receiver: Receiver): Promise<void> {
    const { from, to, takeOver } = this.#settings;
    const source = takeOver ? sourceAt(from.endpoint) : undefined;
    const sender = await to.transport.createSender({
      ...to.options,
      ...(source !== undefined && { takeOver: source }),
      endpoint: to.endpoint,
    });
    let hasEnded = false;
    try {
      this.#found = () => foundOf(sender);
      this.#counts.connections++;
      this.#change({ state: 'bridging' });
      hasEnded = await this.#cross(receiver, sender);
      if (hasEnded) await sender.close({ signal: this.#ending.signal });
    } finally {
      this.#counts.messagesFound += foundOf(sender);
      this.#found = () => 0;
      // Before the receiver is closed: it may read the memory of deliveries until then.
      await sender.destroy();
    }
  }

  /** @returns true if the sender has closed in order; false if this bridge is to end. */
  async #cross(receiver: Receiver, sender: Sender): Promise<boolean> {
    const crossing = new Crossing({
      receiver,
      sender,
      settings: this.#settings,
      counts: this.#counts,
    });
    const running = crossing.run().then(() => true);
    const { signal } = this.#ending;
    let forget = (): void => undefined;
    const isToEnd = new Promise<false>((resolve) => {
      forget = onAbort(signal, () => resolve(false));
      if (signal.aborted) resolve(false);
    });
    try {
      const hasEnded = await Promise.race([running, isToEnd]);
      if (hasEnded) return true;
      running.catch(() => undefined);
      crossing.receiveNoMore();
      await Promise.race([running.catch(() => undefined), pauseFor(FAREWELL)]);
      crossing.stop();
      return false;
    } finally {
      forget();
    }
  }

  #change(change: Pick<BridgeChange, 'state' | 'reason' | 'milliseconds'>): void {
    if (change.state === this.#state && change.state !== 'connecting') return;
    this.#state = change.state;
    const { from, to, onStateChange } = this.#settings;
    const told: BridgeChange = { from: from.endpoint, to: to.endpoint, ...change };
    publish('pageferry:bridge', () => told);
    if (onStateChange === undefined) return;
    try {
      onStateChange(told);
    } catch (error) {
      process.nextTick(() => {
        throw error;
      });
    }
  }
}

/** How many messages a sender was not sent anew, where it counts them. */
function foundOf(sender: Sender): number {
  const { messagesFound = 0 } = sender.stats() as { readonly messagesFound?: number };
  return messagesFound;
}
