import { dispose, PageferryError, type PeerCredentials } from '@pageferry/core';
import type { OwnedFd } from '@pageferry/linux';

/** What {@link ReceivedMessage} is made of. */
export interface MessageParts {
  readonly data: Buffer;
  readonly fds: readonly OwnedFd[];
  readonly fdsLost: boolean;
  readonly credentials: PeerCredentials | undefined;
}

/**
 * Bytes, and the descriptors that came with them: what is read from an {@link FdSocket}.
 *
 * The descriptors belong to the message until {@link takeFds}. Those that nobody has taken are closed once a later
 * message has been read and another one arrives, and with the socket. So take them where the message is handled,
 * before the first `await`; in the body of a `for await` loop at any time.
 */
export class ReceivedMessage implements Disposable {
  /** The bytes. The program's for ever. */
  readonly data: Buffer;
  /** True if descriptors were thrown away: see {@link FdSocketOptions.whenFdsLost}. */
  readonly fdsLost: boolean;
  /** Who has sent it, with {@link FdSocketOptions.passCredentials}. */
  readonly credentials: PeerCredentials | undefined;
  #fds: readonly OwnedFd[];
  #closed = false;

  /** @internal */
  constructor(parts: MessageParts) {
    this.data = parts.data;
    this.fdsLost = parts.fdsLost;
    this.credentials = parts.credentials;
    this.#fds = parts.fds;
  }

  /** The descriptors, in the order in which they were sent. They stay the message's. Empty once taken, or closed. */
  get fds(): readonly OwnedFd[] {
    return this.#fds;
  }

  /**
   * Hands the descriptors over: the caller closes them. Empty if none came, or if they were taken before.
   *
   * @throws `CLOSED` if the message, or its socket, has closed them: they were taken too late.
   */
  takeFds(): OwnedFd[] {
    if (this.#closed) {
      const words = 'nobody has taken the descriptors of this message in time: they are closed';
      throw new PageferryError('CLOSED', words);
    }
    const taken = [...this.#fds];
    this.#fds = [];
    return taken;
  }

  /** Closes the descriptors that nobody has taken. Harmless the second time. */
  close(): void {
    if (this.#fds.length === 0) return;
    this.#closed = true;
    for (const fd of this.#fds) fd.close();
    this.#fds = [];
  }

  [dispose](): void {
    this.close();
  }
}
