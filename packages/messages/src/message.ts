import {
  checkOptions,
  type Delivery,
  dispose,
  type Loan,
  openShared,
  PageferryError,
  type SendOptions,
  type SendOutcome,
  type SharedDelivery,
  type ThreadDelivery,
} from '@pageferry/core';
import { type Decoded, decode } from './decode.js';
import { rename } from './encode.js';
import { hasViews, KIND, type Kind } from './format.js';
import { encodedName } from './names.js';

/**
 * A value that was received.
 *
 * Ownership: the views in `value` are views of the message's memory, for reading, until `release`; then that memory
 * holds other messages. What else is in it is yours for ever: an `ArrayBuffer` that is itself part of the value, too, and
 * the views on that.
 */
export interface Message<T = unknown> extends Disposable {
  /** @throws `DELIVERY_RELEASED` after `release`. */
  readonly value: T;
  /** Length of the whole message in bytes. */
  readonly byteLength: number;
  /** The sender's number for it; see `Loan.tag`. */
  readonly tag: number;
  /** True once its memory went back. Of one that was copied, too, once `release` was called. */
  readonly released: boolean;
  /**
   * The message for other threads of this process: what `postMessage` takes without a copy, and {@link openMessage} reads over
   * there, where it lies. As `Delivery.forThreads`: only over a channel that was made with `sharedToThreads`, and only of a
   * message that lies where it came, until its release.
   *
   * @param threads how many threads will release it. Default: 1.
   * @throws `NOT_SUPPORTED`, also of a message that was copied, left to the garbage collector, or opened in another thread;
   *   `DELIVERY_RELEASED`, `INVALID_ARGUMENT`, `SYSTEM_CALL_FAILED`.
   */
  forThreads(threads?: number): SharedDelivery;
  /** Gives the memory back. Does nothing after that. */
  release(): void;
}

/** A value in a loan: its views are views of the memory that is sent, to be filled until then. */
export interface ComposedMessage<T = unknown> extends Disposable {
  /**
   * The value as the other side will see it. What is written to its views is sent; what else of it is changed is not.
   *
   * @throws `LOAN_NOT_OWNED` once it was sent or released.
   */
  readonly value: T;
  /** True while the memory is yours. */
  readonly owned: boolean;
  /**
   * Sends it, as `Loan.send`. With any outcome but `'sent'` it stays yours.
   *
   * @throws as `Loan.send`.
   */
  send(options?: SendOptions): Promise<SendOutcome>;
  /** Gives the memory back unsent. Does nothing if it is not yours any more. */
  release(): void;
}

/** How long the views of a value are valid; see `PortMessageOptions.lifetime`. */
export type Lifetime = 'gc' | 'explicit' | 'copy';

/**
 * From this length on, in bytes, a message is left where it is for the collector: a shorter one is copied in less time, and
 * must not keep memory that is many times as large.
 */
const COLLECTED_FROM = 64 * 1024;

/** A delivery that was read. It takes the delivery over. */
export class ReceivedMessage<T> implements Message<T> {
  readonly byteLength: number;
  readonly tag: number;
  readonly name: string;
  readonly kind: Kind;
  readonly #delivery: Delivery | ThreadDelivery | undefined;
  #value: T | undefined;
  #isReleased = false;

  /** @throws `PEER_MISBEHAVED`; then the delivery stays the caller's. */
  constructor(delivery: Delivery, lifetime: Lifetime);
  constructor(delivery: ThreadDelivery, lifetime: 'explicit');
  constructor(delivery: Delivery | ThreadDelivery, lifetime: Lifetime) {
    this.byteLength = delivery.byteLength;
    this.tag = delivery.tag;
    const { isKept, decoded } = read(delivery, lifetime);
    this.name = decoded.name;
    this.kind = decoded.kind;
    this.#value = decoded.value as T;
    this.#delivery = isKept ? delivery : undefined;
  }

  get value(): T {
    if (this.released) throw released();
    return this.#value as T;
  }

  get released(): boolean {
    return this.#isReleased || this.#delivery?.released === true;
  }

  forThreads(threads?: number): SharedDelivery {
    if (this.#isReleased) throw released();
    const delivery = this.#delivery;
    if (delivery !== undefined && 'forThreads' in delivery) return delivery.forThreads(threads);
    throw new PageferryError(
      'NOT_SUPPORTED',
      'this message does not lie where it came, or is another thread’s: nothing of it can be shared',
    );
  }

  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#value = undefined;
    this.#delivery?.release();
  }

  [dispose](): void {
    this.release();
  }
}

/** The error of a message that its caller has released. */
export function released(): PageferryError {
  return new PageferryError('DELIVERY_RELEASED', 'this message was released');
}

/**
 * Reads a message that came from another thread, where it lies: once for each thread that it was counted for. Its views are
 * views of shared memory, for reading, until its release.
 *
 * @param shared what {@link Message.forThreads} has returned over there; or `Delivery.forThreads`, of a delivery that is a value.
 * @throws `INVALID_ARGUMENT` for anything else; `PEER_MISBEHAVED` for what is no value, which is released then.
 * @example
 * parentPort.on('message', (shared) => {
 *   using message = openMessage(shared);
 *   show(message.value);
 * });
 */
export function openMessage<T = unknown>(shared: SharedDelivery): Message<T> {
  const delivery = openShared(shared);
  try {
    return new ReceivedMessage<T>(delivery, 'explicit');
  } catch (error) {
    delivery.release();
    throw error;
  }
}

/** @throws `PEER_MISBEHAVED` unless the message is of one of these kinds. */
export function mustBe({ kind }: ReceivedMessage<unknown>, ...kinds: readonly Kind[]): void {
  if (kinds.includes(kind)) return;
  throw new PageferryError('PEER_MISBEHAVED', `a message is of another kind (${kind}) than it is`);
}

/** @returns whether the delivery is still to be released. */
function read(
  delivery: Delivery | ThreadDelivery,
  lifetime: Lifetime,
): { isKept: boolean; decoded: Decoded } {
  const { bytes } = delivery;
  // A transport may have the bytes anywhere; views of larger elements cannot be.
  if (lifetime === 'explicit' && bytes.byteOffset % 8 === 0) {
    return { isKept: true, decoded: decode(bytes) };
  }
  const decoded =
    (lifetime === 'gc' && 'untilCollected' in delivery ? readCollected(delivery) : undefined) ??
    copied(delivery, bytes);
  return { isKept: false, decoded };
}

function copied(delivery: Pick<Delivery, 'release'>, bytes: Uint8Array): Decoded {
  const decoded = decode(new Uint8Array(bytes));
  delivery.release();
  return decoded;
}

/** Where the value's views go on to lie in the message; `undefined` where they are to be copied. */
function readCollected(delivery: Delivery): Decoded | undefined {
  const { bytes } = delivery;
  if (bytes.length < COLLECTED_FROM || !hasViews(bytes)) return undefined;
  // First where it lies: an error keeps what the functions on its stack belong to, and so would keep what is left to the
  // collector. Of a large message the head is mostly short.
  decode(bytes);
  const own = delivery.untilCollected();
  if (own === undefined) return undefined;
  try {
    return decode(own);
  } catch (error) {
    // The peer has changed it meanwhile. This is for the hold that the collector has by now.
    delivery.retain();
    throw error;
  }
}

/** What {@link Composed} knows of its loan. */
interface ComposedParts {
  readonly loan: Loan;
  /** How long the message is without a name. */
  readonly usedBytes: number;
}

/** A value in a loan. */
export class Composed<T> implements ComposedMessage<T> {
  readonly #loan: Loan;
  readonly #usedBytes: number;
  #value: T | undefined;

  constructor({ loan, usedBytes }: ComposedParts) {
    this.#loan = loan;
    this.#usedBytes = usedBytes;
    this.#value = decode(loan.bytes).value as T;
  }

  get value(): T {
    if (!this.owned) {
      throw new PageferryError('LOAN_NOT_OWNED', 'this message was sent or released');
    }
    return this.#value as T;
  }

  get owned(): boolean {
    return this.#loan.owned;
  }

  async send(given?: SendOptions): Promise<SendOutcome> {
    const { tag, ...options } = checkOptions(given);
    const loan = this.prepare(KIND.message, '');
    loan.tag = tag ?? 0;
    return loan.send(options);
  }

  /**
   * Makes it a message of this kind, and of no other from then on: a loan can become shorter, and not longer.
   *
   * @throws `LOAN_NOT_OWNED`.
   */
  prepare(kind: Kind, name: string, requestNumber = 0): Loan {
    const { bytes } = this.#loan;
    const length = this.#usedBytes + encodedName(name).length;
    if (length > bytes.length) {
      throw new PageferryError(
        'INVALID_ARGUMENT',
        'a composed message that was to be sent, and was not, can become no request of a longer name',
        { argument: 'name' },
      );
    }
    this.#loan.truncate(rename(bytes, this.#usedBytes, { kind, name, requestNumber }));
    return this.#loan;
  }

  release(): void {
    this.#value = undefined;
    this.#loan.release();
  }

  [dispose](): void {
    this.release();
  }
}
