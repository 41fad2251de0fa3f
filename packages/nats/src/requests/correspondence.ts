import type { Msg } from '@nats-io/transport-node';
import { clock } from '@pageferry/core';
import { type Engine, WORTH_LEAVING_ALONE } from '../engine/engine.js';
import { type NoteKind, noteHeaders } from '../protocol/note.js';
import type { NatsMemory } from '../sending/outgoing.js';

/** A message of this side, which the other one fetches. */
export interface Kept {
  readonly memory: NatsMemory;
  readonly byteLength: number;
}

/** Sends notes, and has an inbox for each question: a subject that ends with its number. */
export class Correspondence {
  readonly #engine: Engine;
  readonly #inbox: string;

  /** @param onMessage called with the number of the question, or whatever else the inbox ends with. */
  constructor(engine: Engine, onMessage: (name: string, message: Msg) => void) {
    this.#engine = engine;
    this.#inbox = engine.createInbox();
    const { length } = this.#inbox;
    engine.subscribe(`${this.#inbox}.*`, (message) => {
      onMessage(message.subject.slice(length + 1), message);
    });
  }

  /** How many bytes a note may carry. */
  get mostBytes(): number {
    return this.#engine.pieceBytes;
  }

  /** The inbox of a question. */
  inboxOf(name: number | string): string {
    return `${this.#inbox}.${name}`;
  }

  /** Sends a note about the question that has the inbox `name`. */
  say(to: string, name: number | string, kind: NoteKind, ...numbers: readonly number[]): void {
    this.#engine.publish(to, undefined, this.inboxOf(name), noteHeaders(kind, ...numbers));
  }

  /** Sends a note that nobody is to reply to. */
  sayLast(to: string, kind: NoteKind, ...numbers: readonly number[]): void {
    this.#engine.publish(to, undefined, undefined, noteHeaders(kind, ...numbers));
  }

  /** As {@link say}, with bytes that the caller may change afterwards. */
  send(
    to: string,
    name: number | string,
    bytes: Uint8Array,
    kind: NoteKind,
    ...numbers: readonly number[]
  ): void {
    const isLong = bytes.length > WORTH_LEAVING_ALONE;
    const all = noteHeaders(kind, ...numbers);
    const sent = isLong ? bytes : Uint8Array.from(bytes);
    this.#engine.publish(to, sent, this.inboxOf(name), all);
    if (isLong) this.#engine.flushNow();
  }

  /**
   * Sends the piece of a message that the other side wants. False if there is no such piece.
   *
   * @param wanted offset and length.
   */
  sendPiece(to: string, name: number, kept: Kept, wanted: readonly number[]): boolean {
    const [offset = 0, byteLength = 0] = wanted;
    if (byteLength === 0 || offset + byteLength > kept.byteLength) return false;
    const end = offset + Math.min(byteLength, this.mostBytes);
    this.send(to, name, kept.memory.bytes.subarray(offset, end), 'piece', offset);
    return true;
  }
}

/** Whether the other side of a question can be reached. */
export class Reach {
  #heardAt = clock.now();
  #missedSince: number | undefined;

  /** Something has come from it. */
  heard(): void {
    this.#heardAt = clock.now();
    this.#missedSince = undefined;
  }

  /** The servers have said that nobody listens there. */
  missed(): void {
    this.#missedSince ??= clock.now();
  }

  /** For how many milliseconds nothing has come. */
  get silence(): number {
    return clock.now() - this.#heardAt;
  }

  /** For how many milliseconds nobody has listened there; 0 while somebody does, as far as it is known. */
  get absence(): number {
    return this.#missedSince === undefined ? 0 : clock.now() - this.#missedSince;
  }

  /** True if it is to be asked whether it is there. */
  isDoubtful(patience: number): boolean {
    return this.#missedSince !== undefined || this.silence > patience / 4;
  }
}
