import { encode } from './encode.js';
import type { Port, PortEvents } from './port.js';

/** A listener of `addEventListener`. It gets `{ type, data }`. */
type EventListenerLike = ((event: never) => unknown) | { handleEvent(event: never): unknown };

/** As much of a `MessagePort` as libraries use, in both of its shapes: Node's (`on`) and the web's. */
export interface MessagePortLike {
  /**
   * Sends a value; it was read when this returns. What cannot be sent because the other side is gone is lost, as it is
   * with a `MessagePort`.
   *
   * @param transfer is not looked at: buffers are copied, and a `MessagePort` cannot cross.
   * @throws `NOT_CLONEABLE`.
   */
  postMessage(value: unknown, transfer?: unknown): void;
  /** Has `listener` called with each value (`'message'`), or when nothing comes any more (`'close'`). */
  on(event: 'message' | 'messageerror' | 'close', listener: (value: never) => void): this;
  /** Takes back what `on` has done. */
  off(event: 'message' | 'messageerror' | 'close', listener: (value: never) => void): this;
  /** As `on`, in the shape of the web: `listener` gets an event whose `data` is the value. */
  addEventListener(type: string, listener: EventListenerLike, options?: unknown): void;
  /** Takes back what `addEventListener` has done. */
  removeEventListener(type: string, listener: EventListenerLike, options?: unknown): void;
  /** One more listener for messages; `null` if there is none. */
  onmessage: ((event: { readonly data: unknown }) => unknown) | null;
  /** Does nothing: messages come as soon as somebody listens. */
  start(): void;
  /** Sends what was posted, and closes the port. */
  close(): void;
  /** Keeps the process alive while the port is open. That is how it begins. */
  ref(): this;
  /** Lets the process end although the port is open. */
  unref(): this;
}

/**
 * A port in the shape of a `MessagePort`, for libraries that want one, as `comlink` and `birpc`. Values are copied into
 * ordinary memory.
 *
 * @example
 * const worker = Comlink.wrap(toMessagePort(port));
 */
export function toMessagePort(port: Port): MessagePortLike {
  return new PortAdapter(port);
}

/** Who listens to a `MessagePort` may write to what it gets. */
const COPIED = { lifetime: 'copy' } as const;

/** What the port was given for each listener. */
type Wrapped = Map<EventListenerLike, (value: unknown) => void>;

class PortAdapter implements MessagePortLike {
  readonly #port: Port;
  readonly #wrapped: Readonly<Record<keyof PortEvents, Wrapped>> = {
    message: new Map(),
    messageerror: new Map(),
    close: new Map(),
  };
  #onmessage: MessagePortLike['onmessage'] = null;
  #tellOnmessage: ((data: unknown) => void) | undefined;
  /** What was posted last; the channel keeps the order. */
  #posted: Promise<unknown> = Promise.resolve();

  constructor(port: Port) {
    this.#port = port;
  }

  postMessage(value: unknown): void {
    const encoded = encode(value);
    const bytes = new Uint8Array(encoded.byteLength);
    encoded.writeTo(bytes);
    this.#posted = this.#port.channel.send(bytes).catch(() => undefined);
  }

  on(event: keyof PortEvents, listener: (value: never) => void): this {
    this.#port.on(event, listener as PortEvents[keyof PortEvents], COPIED);
    return this;
  }

  off(event: keyof PortEvents, listener: (value: never) => void): this {
    this.#port.off(event, listener as PortEvents[keyof PortEvents]);
    return this;
  }

  addEventListener(type: string, listener: EventListenerLike, options?: unknown): void {
    if (!isEvent(type) || this.#wrapped[type].has(listener)) return;
    const isForOnce = (options as { once?: unknown } | null | undefined)?.once === true;
    const wrapped = (data: unknown): void => {
      if (isForOnce) this.removeEventListener(type, listener);
      const event = { type, data } as never;
      if (typeof listener === 'function') listener(event);
      else listener.handleEvent(event);
    };
    this.#wrapped[type].set(listener, wrapped);
    this.#port.on(type, wrapped, COPIED);
  }

  removeEventListener(type: string, listener: EventListenerLike): void {
    const wrapped = isEvent(type) ? this.#wrapped[type].get(listener) : undefined;
    if (!isEvent(type) || wrapped === undefined) return;
    this.#wrapped[type].delete(listener);
    this.#port.off(type, wrapped);
  }

  get onmessage(): MessagePortLike['onmessage'] {
    return this.#onmessage;
  }

  set onmessage(listener: MessagePortLike['onmessage']) {
    if (this.#tellOnmessage !== undefined) this.#port.off('message', this.#tellOnmessage);
    this.#tellOnmessage = undefined;
    this.#onmessage = listener;
    if (typeof listener !== 'function') return;
    this.#tellOnmessage = (data) => void listener({ data });
    this.#port.on('message', this.#tellOnmessage, COPIED);
  }

  start(): void {
    // What it is for elsewhere is done by listening.
  }

  close(): void {
    void this.#posted.then(() => this.#port.close()).catch(() => undefined);
  }

  ref(): this {
    this.#port.ref();
    return this;
  }

  unref(): this {
    this.#port.unref();
    return this;
  }
}

function isEvent(type: string): type is keyof PortEvents {
  return type === 'message' || type === 'messageerror' || type === 'close';
}
