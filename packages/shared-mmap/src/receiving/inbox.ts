import { senderMisbehaved } from '@pageferry/connection';
import type { Corkable, PageferryError } from '@pageferry/core';
import { EMFILE, systemCallError } from '@pageferry/linux';
import { PLACE_UNIT } from '../layout.js';
import type { InboundMessage } from './inbound-message.js';

/** Takes messages that a sender has published, and gives them back to it: one by one, or several together. */
export interface Inbox {
  /**
   * The next message, which is taken; `'end'` after an orderly end. Not to be called again after an error
   * of the sender's.
   *
   * @throws `PEER_DIED`, `PEER_MISBEHAVED`, `PEER_REJECTED`, `SYSTEM_CALL_FAILED`.
   */
  next(): InboundMessage | 'end' | undefined;
  /** Gives a message back to the sender, who may use its memory again. */
  giveBack(message: InboundMessage): void;
  /** Has several returns told together, where that can be had. */
  readonly returns: Corkable | undefined;
  /** Messages that this receiver has missed. */
  readonly messagesDropped: number;
  /** To be called before the connection is closed: what was dropped is still told afterwards. */
  close(): void;
}

export function outOfOrder(): PageferryError {
  return senderMisbehaved('its messages are out of order');
}

export function strayQueue(known: number): PageferryError {
  return senderMisbehaved(known < 0 ? 'its queue runs backwards' : 'its queue overflows');
}

export function strayMessage(byteLength: number, place: number): PageferryError {
  const offset = place * PLACE_UNIT;
  return senderMisbehaved(`a message reaches beyond its memory: ${byteLength} bytes at ${offset}`);
}

export function nameless(): PageferryError {
  return senderMisbehaved('a message names no slot');
}

/** The error for a message whose memory or descriptors the kernel has thrown away. */
export function lostMessage(sequence: number): PageferryError {
  const what = `message ${sequence} is lost: this process had no descriptor left for what came with it`;
  return systemCallError('recvmsg', -EMFILE, what);
}
