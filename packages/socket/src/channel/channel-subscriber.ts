import type { Socket } from 'node:net';
import type { ReceiverInfo } from '@pageferry/core';
import { PIECE_BYTES, WINDOW_BYTES } from '../protocol/channel.js';
import { FRAME, FRAME_BYTES, writeFrame } from '../protocol/frame.js';
import type { OutboxSubscriber } from '../sending/outbox.js';
import type { OutgoingMessage } from '../sending/outgoing-message.js';
import { detachedUnderWay } from '../sending/refuse-detached.js';
import { UnderWay } from '../sending/under-way.js';

/** What {@link ChannelSubscriber} tells its side of the channel. */
export interface ChannelSubscriberEvents {
  /** The other side is done with the message, or gone. */
  readonly onReleased: (message: OutgoingMessage) => void;
  /** Something has left. */
  readonly onLeft: () => void;
  /** The channel has to end, and not because of the other side. */
  readonly onFailure: (error: unknown) => void;
  /** Nothing more can be sent. Called once. */
  readonly onGone: (subscriber: ChannelSubscriber) => void;
}

/**
 * What one side of a channel sends: writes messages in pieces, as far as the other side has given credit, so that
 * its socket is never full of what nobody takes.
 */
export class ChannelSubscriber implements OutboxSubscriber {
  readonly #socket: Socket;
  readonly #events: ChannelSubscriberEvents;
  readonly #underWay: UnderWay;
  /** Messages that are not written whole; only of the first one a part may be. */
  readonly #queue: OutgoingMessage[] = [];
  /** How many bytes of the first one are written. */
  #written = 0;
  /** How many messages are written whole. */
  #whole = 0;
  /** The end, while it waits behind messages. */
  #end: Buffer | undefined;
  /** How many bytes of messages the other side lets come. */
  #credit = WINDOW_BYTES;
  /** Writes of which Node has not said that the socket has taken them. */
  #untaken = 0;
  #isGone = false;

  /** @param socket stays the caller's. */
  constructor(socket: Socket, events: ChannelSubscriberEvents) {
    this.#socket = socket;
    this.#events = events;
    this.#underWay = new UnderWay(events.onReleased);
  }

  get hasRoom(): boolean {
    return this.#underWay.hasRoom;
  }

  get empty(): boolean {
    if (this.#queue.length > 0 || this.#end !== undefined) return false;
    // Node says it later than the socket knows; and the socket may have something else to write.
    return this.#untaken === 0 || this.#socket.writableLength === 0;
  }

  get idle(): boolean {
    return this.#underWay.count === 0;
  }

  keepAlive(): void {
    // The channel sees to that, for both directions.
  }

  info(): ReceiverInfo {
    return {
      id: 0,
      messagesBehind: this.#underWay.count,
      bytesBehind: this.#underWay.bytes,
    };
  }

  send(message: OutgoingMessage): void {
    this.#underWay.add(message);
    this.#queue.push(message);
    this.writeOn();
  }

  finish(sequence: number): void {
    this.#end = Buffer.alloc(FRAME_BYTES);
    writeFrame(this.#end, 0, FRAME.end, 0, sequence);
    this.writeOn();
  }

  /** The other side lets more come. False if it must not say so. */
  grant(byteLength: number): boolean {
    // Said before the other side was gone, and read when that was known: there is nothing left to compare it with.
    if (this.#isGone) return true;
    if (byteLength === 0 || this.#credit + byteLength > WINDOW_BYTES) return false;
    this.#credit += byteLength;
    this.writeOn();
    return true;
  }

  /** The other side is done with messages. False if it cannot be. */
  release(first: number, count: number): boolean {
    if (this.#isGone) return true;
    if (count === 0 || first + count > this.#whole) return false;
    return this.#underWay.release(first, count);
  }

  /** Sends nothing more. What was under way counts as released. Harmless the second time. */
  leave(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#queue.length = 0;
    this.#end = undefined;
    this.#underWay.clear();
    this.#events.onGone(this);
  }

  /** Writes what may be written now. For whoever else writes to the socket: it waits for that, too. */
  writeOn(): void {
    for (let message = this.#queue[0]; message !== undefined; message = this.#queue[0]) {
      const length = Math.min(PIECE_BYTES, message.byteLength - this.#written);
      if (length > this.#credit || !this.#socketTakes(length)) return;
      if (message.bytes.length === 0) {
        this.#events.onFailure(detachedUnderWay());
        return;
      }
      this.#credit -= length;
      this.#writePiece(message, length);
    }
    if (this.#end === undefined) return;
    this.#write(this.#end);
    this.#end = undefined;
  }

  /** Whether to hand the socket so many bytes: what else it is to write waits for all that it has. */
  #socketTakes(length: number): boolean {
    const waiting = this.#socket.writableLength;
    return waiting === 0 || waiting + length <= PIECE_BYTES;
  }

  #writePiece(message: OutgoingMessage, length: number): void {
    const { bytes, byteLength } = message;
    const start = this.#written;
    const end = start + length;
    const isLast = end === byteLength;
    if (isLast) {
      this.#queue.shift();
      this.#whole++;
    }
    this.#written = isLast ? 0 : end;
    const last = isLast ? message : undefined;
    if (start === 0) {
      this.#write(bytes.subarray(0, FRAME_BYTES + length), last);
      return;
    }
    const frame = Buffer.allocUnsafe(FRAME_BYTES);
    writeFrame(frame, 0, FRAME.more, length, 0);
    this.#socket.cork();
    this.#socket.write(frame);
    this.#write(bytes.subarray(FRAME_BYTES + start, FRAME_BYTES + end), last);
    this.#socket.uncork();
  }

  /** @param last the message that is written whole with these bytes, if one is. */
  #write(bytes: Buffer, last?: OutgoingMessage): void {
    this.#untaken++;
    this.#socket.write(bytes, (error) => {
      this.#untaken--;
      if (error || this.#isGone) return;
      if (last !== undefined) this.#underWay.noteLeft(last);
      this.writeOn();
      this.#events.onLeft();
    });
  }
}
