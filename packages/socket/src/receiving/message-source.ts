import type { InboundMessage } from './inbound-message.js';

/** Where a receiver's messages come from and go back to: its half of a connection. */
export interface MessageSource {
  /** True once nothing more will arrive. */
  readonly isOver: boolean;
  /**
   * The message that comes next, whole or not; `'end'` after an orderly end; `undefined` while
   * nothing of it is here.
   *
   * @throws `PEER_DIED`, `PEER_MISBEHAVED`; the same each time.
   */
  next(): InboundMessage | 'end' | undefined;
  /** Takes in what is here of the current message, as far as its memory has room. */
  fill(message: InboundMessage): void;
  /**
   * Asks for what is not here yet.
   *
   * @throws `PEER_DIED` if it will never come.
   */
  askForMore(): void;
  /** Goes on to the next message, once this one was handed on. Harmless for one that is not the current one. */
  finish(message: InboundMessage): void;
  /** The program is done with a message. */
  giveBack(message: InboundMessage): void;
  /** Whether the connection keeps the event loop alive. It does until this is called. */
  keepAlive(on: boolean): void;
  /** Ends the connection, and frees everything. Resolves when that is done. */
  hangUp(): Promise<void>;
}
