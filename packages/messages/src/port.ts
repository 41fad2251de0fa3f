import type { Channel, SendOptions, SendOutcome, WaitOptions } from '@pageferry/core';
import { checkSerializer } from './encode.js';
import type { ComposedMessage, Message } from './message.js';
import { ValuePort } from './value-port.js';

/** Options of {@link Port.receive}. */
export interface ReceiveOptions extends WaitOptions {
  /** Have the value in ordinary memory, and give the message's back at once. Default: false. */
  readonly copy?: boolean | undefined;
}

/** Options of {@link Port.on} for `'message'`. */
export interface PortMessageOptions {
  /**
   * How long the value's buffers may be used.
   *
   * - `'gc'`: as long as they are reachable. Where the transport can, the views of a large message are the sender's own
   *   pages, for reading, and the memory goes back once none of them is reachable any more. Small messages are copied,
   *   and so is what comes while a quarter of the memory is held like that.
   * - `'explicit'`: in place, until the listener has returned, or what it has returned has settled.
   * - `'copy'`: for ever, in ordinary memory.
   *
   * Default: `'gc'`.
   */
  readonly lifetime?: 'gc' | 'explicit' | 'copy' | undefined;
}

/** What {@link Port.on} tells of. */
export interface PortEvents {
  /** A message that no `receive` waits for. */
  message: (value: unknown, message: Message) => unknown;
  /** A message that is no value. It is gone; the channel goes on. */
  messageerror: (error: unknown) => void;
  /**
   * Nothing will come any more: the other side has ended in order, or because of an error. The end is behind all that was
   * sent before it. Where nobody takes messages, the port takes one, and keeps it for whoever does.
   */
  close: (reason?: unknown) => void;
}

/** What a handler gets besides the value. */
export interface HandlerContext {
  /** The request, whose memory is given back when the handler is done. */
  readonly message: Message;
  /**
   * Fires when nobody waits for the answer any more: the one who has asked has given up (the signal or the time limit of
   * its call), the other side has died, or this port was closed. What the handler answers then is thrown away.
   */
  readonly signal: AbortSignal;
}

/** Answers requests: with a value, or with one that it has composed. What it throws becomes the error of the request. */
export type RequestHandler = (value: never, context: HandlerContext) => unknown;

/**
 * Values over a channel. Disposable with `await using`, which closes the channel.
 *
 * @example
 * await port.send({ meta: { width: 640 }, pixels });
 * for await (using message of port) show(message.value);
 */
export interface Port extends AsyncDisposable, AsyncIterable<Message> {
  /** The channel that it speaks over. It is closed with the port. */
  readonly channel: Channel;
  /**
   * Clones a value into a loan, and sends it: one copy of its buffers. The value stays yours, and was read whole when
   * this resolves.
   *
   * @throws `NOT_CLONEABLE` with the `path` of what cannot be cloned, and as `Channel.send`.
   */
  send(value: unknown, options?: SendOptions): Promise<SendOutcome>;
  /**
   * Lays a value out in a loan, where what {@link shared} stands for is to be filled. The other buffers of it are copied.
   * Until it is sent or released the memory counts as lent.
   *
   * @throws as {@link send}, and `PEER_DIED` once the port has learned that the other side is gone.
   */
  compose<T>(value: T, options?: WaitOptions): Promise<ComposedMessage<T>>;
  /**
   * The next message, to be released. `undefined` at the end. Requests are none: they go to their handlers.
   *
   * @throws `PEER_MISBEHAVED` for a message that is no value: it is gone, and the next call gets the next one. And as
   *   `Channel.receive`.
   */
  receive<T = unknown>(options?: ReceiveOptions): Promise<Message<T> | undefined>;
  /**
   * Has `listener` called for what comes. Messages are not waited for: a listener that is asynchronous may have several
   * at once. What it throws or rejects with is an uncaught exception.
   *
   * The end (`'close'`) comes behind the messages: it is told to a port that takes them, which has a handler, a listener for
   * `'message'`, or a call that waits in `receive`.
   *
   * @throws `INVALID_ARGUMENT`.
   */
  on<E extends keyof PortEvents>(
    event: E,
    listener: PortEvents[E],
    options?: PortMessageOptions,
  ): this;
  /** Takes back what {@link on} said. @throws `INVALID_ARGUMENT` for an event that does not exist. */
  off<E extends keyof PortEvents>(event: E, listener: PortEvents[E]): this;
  /**
   * Asks, and resolves to the answer, to be released.
   *
   * @param name of the handler at the other side, of 1 to 256 bytes.
   * @param value a value, or one that was composed.
   * @throws `REQUEST_FAILED` with the error of the handler as its `cause` (name, message, code, stack and its other
   *   properties); `NO_HANDLER`; `NOT_CLONEABLE`; `PEER_MISBEHAVED` if the answer is no value; and as `Channel.request`.
   */
  request<T = unknown>(name: string, value?: unknown, options?: WaitOptions): Promise<Message<T>>;
  /**
   * Asks, and resolves to the value of the answer in ordinary memory: nothing is to be released.
   *
   * @throws as {@link request}.
   */
  call<T = unknown>(name: string, value?: unknown, options?: WaitOptions): Promise<T>;
  /**
   * Answers requests of a name. The value's buffers may be read until the handler is done; what it answers with is copied
   * before.
   *
   * @throws `INVALID_ARGUMENT`, also if the name has a handler.
   */
  handle(name: string, handler: RequestHandler): this;
  /** Takes back what {@link handle} said. */
  unhandle(name: string): this;
  /** As `Channel.close`. Messages that nobody has taken are given up. */
  close(options?: WaitOptions): Promise<void>;
  /** As `Channel.destroy`. */
  destroy(): Promise<void>;
  /** As `Channel.ref`. */
  ref(): this;
  /** As `Channel.unref`. */
  unref(): this;
}

/**
 * A port over a channel, which it takes over: nobody else receives from it.
 *
 * @example
 * await using port = createPort(await sharedMmap.connect({ endpoint }));
 *
 * @throws `NOT_SUPPORTED` if this runtime has no serializer of V8's, as Bun has none; the channel stays the caller's.
 */
export function createPort(channel: Channel): Port {
  checkSerializer();
  return new ValuePort(channel);
}
