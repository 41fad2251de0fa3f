import type { OwnedFd, SocketMessage, UnixSocket } from '@pageferry/linux';

/** What a message with a descriptor begins with: 'PGMM', little-endian. */
const MEMORY_MAGIC = 0x4d4d4750;

/** Length of such a message in bytes: the magic, and the tag. */
export const MEMORY_MESSAGE_BYTES = 8;

/** Room to read such a message into: a longer one shows that it is. */
export const MEMORY_MESSAGE_ROOM = MEMORY_MESSAGE_BYTES + 1;

/** How many descriptors may wait for their messages. A sender that passes more breaks the protocol. */
const MAX_WAITING = 64;

/** From how many on it is worth to look for those that no message will need. */
const MANY = 32;

/**
 * Passes a descriptor to the receiver, ahead of the message that needs it.
 *
 * @param tag the message's; a 32-bit word.
 * @returns `'later'` if it cannot be passed now, be it that the receiver has not taken what was passed
 *   before, or that too many descriptors are under way; `'gone'` if the receiver is.
 * @throws `SYSTEM_CALL_FAILED`.
 */
export function passMemory(
  socket: UnixSocket,
  tag: number,
  fd: OwnedFd,
): 'sent' | 'later' | 'gone' {
  const message = new Uint8Array(new Int32Array([MEMORY_MAGIC, tag]).buffer);
  return socket.sendNowOrLater(message, [fd]);
}

/** Descriptors that came over a connection, until the messages that they belong to are received. */
export class PassedMemory {
  readonly #socket: UnixSocket;
  readonly #onHeard: () => void;
  readonly #waiting = new Map<number, OwnedFd | 'lost'>();

  /** @param onHeard called for each descriptor that was taken off the socket. */
  constructor(socket: UnixSocket, onHeard: () => void = () => undefined) {
    this.#socket = socket;
    this.#onHeard = onHeard;
  }

  /** True if so many wait that some may belong to messages that were dropped. */
  get hasMany(): boolean {
    return this.#waiting.size >= MANY;
  }

  /**
   * Keeps what came with a message. Where there is one with that tag, the new one takes its place: the
   * other was passed in vain. False if it is no such message: the peer breaks the protocol.
   */
  keep({ bytes, descriptors, truncated }: SocketMessage): boolean {
    const words = new Int32Array(bytes.slice().buffer, 0, bytes.length >> 2);
    const [descriptor] = descriptors;
    const isMemory = bytes.length === MEMORY_MESSAGE_BYTES && words[0] === MEMORY_MAGIC;
    const tag = words[1] as number;
    // At its limit of descriptors, a process gets none: the kernel has thrown it away (MSG_CTRUNC).
    const isLost = truncated && descriptors.length === 0;
    const isWhole = !truncated && descriptors.length === 1;
    if (!isMemory || !(isLost || isWhole) || this.#waiting.size >= MAX_WAITING) {
      for (const unwanted of descriptors) unwanted.close();
      return false;
    }
    close(this.#waiting.get(tag));
    // The order is that in which they came.
    this.#waiting.delete(tag);
    this.#waiting.set(tag, descriptor ?? 'lost');
    this.#onHeard();
    return true;
  }

  /** Closes what nobody needs any more. */
  prune(isNeeded: (tag: number) => boolean): void {
    for (const [tag, descriptor] of this.#waiting) {
      if (isNeeded(tag)) continue;
      this.#waiting.delete(tag);
      close(descriptor);
    }
  }

  /**
   * The descriptor with this tag; the caller owns it. Those that came before it belong to messages
   * that were dropped, or not sent after all, and are closed.
   *
   * @param isBehind whether more was passed than was heard of: the last one with a tag is meant.
   * @returns `'lost'` if the kernel has thrown it away, as this process had no descriptor left for it;
   *   `undefined` if it did not come.
   */
  take(tag: number, isBehind: () => boolean = () => false): OwnedFd | 'lost' | undefined {
    // It was passed before the message was published: it is here, or in the socket.
    for (let looks = 0; isBehind() || !this.#waiting.has(tag); looks++) {
      if (looks > MAX_WAITING) return undefined;
      const message = this.#socket.receive(MEMORY_MESSAGE_ROOM);
      if (message === undefined || message === 'end') break;
      if (!this.keep(message)) return undefined;
    }
    if (!this.#waiting.has(tag)) return undefined;
    for (const [waiting, descriptor] of this.#waiting) {
      this.#waiting.delete(waiting);
      if (waiting === tag) return descriptor;
      close(descriptor);
    }
    return undefined;
  }

  close(): void {
    for (const descriptor of this.#waiting.values()) close(descriptor);
    this.#waiting.clear();
  }
}

function close(descriptor: OwnedFd | 'lost' | undefined): void {
  if (typeof descriptor === 'object') descriptor.close();
}
