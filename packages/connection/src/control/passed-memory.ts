import type { OwnedFd, SocketMessage, UnixSocket } from '@pageferry/linux';

/** What a message with a descriptor begins with: 'PGMM', little-endian. */
const MEMORY_MAGIC = 0x4d4d4750;

/** Length of such a message in bytes: the magic, and the tag. */
export const MEMORY_MESSAGE_BYTES = 8;

/** How many descriptors may wait for their messages. A sender that passes more breaks the protocol. */
const MAX_WAITING = 64;

/** From how many on it is worth to look for those whose messages were dropped. */
const MANY = 32;

/**
 * Passes a descriptor to the receiver, ahead of the message that needs it.
 *
 * @param tag the message's; a 32-bit word.
 * @returns false if the receiver is gone, or has not taken what was passed before.
 * @throws `SYSTEM_CALL_FAILED` (`ETOOMANYREFS`, if too many descriptors are under way).
 */
export function passMemory(socket: UnixSocket, tag: number, fd: OwnedFd): boolean {
  return socket.send(new Uint8Array(new Int32Array([MEMORY_MAGIC, tag]).buffer), [fd]);
}

/** Descriptors that came over a connection, until the messages that they belong to are received. */
export class PassedMemory {
  readonly #socket: UnixSocket;
  readonly #onHeard: () => void;
  readonly #waiting = new Map<number, OwnedFd>();

  /** @param onHeard called for each descriptor that was taken off the socket. */
  constructor(socket: UnixSocket, onHeard: () => void = () => undefined) {
    this.#socket = socket;
    this.#onHeard = onHeard;
  }

  /** True if so many wait that some may belong to messages that were dropped. */
  get hasMany(): boolean {
    return this.#waiting.size >= MANY;
  }

  /** Keeps what came with a message. False if it is no such message: the peer breaks the protocol. */
  keep({ bytes, descriptors, truncated }: SocketMessage): boolean {
    const words = new Int32Array(bytes.slice().buffer, 0, bytes.length >> 2);
    const [descriptor] = descriptors;
    const isMemory = bytes.length === MEMORY_MESSAGE_BYTES && words[0] === MEMORY_MAGIC;
    const tag = words[1] as number;
    if (
      !isMemory ||
      truncated ||
      descriptor === undefined ||
      descriptors.length !== 1 ||
      this.#waiting.size >= MAX_WAITING ||
      this.#waiting.has(tag)
    ) {
      for (const unwanted of descriptors) unwanted.close();
      return false;
    }
    this.#waiting.set(tag, descriptor);
    this.#onHeard();
    return true;
  }

  /** Closes what nobody needs any more. */
  prune(isNeeded: (tag: number) => boolean): void {
    for (const [tag, descriptor] of this.#waiting) {
      if (isNeeded(tag)) continue;
      this.#waiting.delete(tag);
      descriptor.close();
    }
  }

  /**
   * The descriptor with this tag; the caller owns it. Those that came before it belong to messages
   * that were dropped, and are closed. `undefined` if it did not come.
   */
  take(tag: number): OwnedFd | undefined {
    // It was passed before the message was published: it is here, or in the socket.
    for (let looks = 0; !this.#waiting.has(tag); looks++) {
      if (looks > MAX_WAITING) return undefined;
      const message = this.#socket.receive(MEMORY_MESSAGE_BYTES);
      if (message === undefined || message === 'end' || !this.keep(message)) return undefined;
    }
    for (const [waiting, descriptor] of this.#waiting) {
      this.#waiting.delete(waiting);
      if (waiting === tag) return descriptor;
      descriptor.close();
    }
    return undefined;
  }

  close(): void {
    for (const descriptor of this.#waiting.values()) descriptor.close();
    this.#waiting.clear();
  }
}
