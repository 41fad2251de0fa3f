import type { Socket } from 'node:net';
import { isPageferryError, nodeCallFailed, type ReceiverInfo } from '@pageferry/core';
import {
  BufferSource,
  FRAME,
  FRAME_BYTES,
  type Frame,
  FrameReader,
  writeFrame,
} from '../protocol/frame.js';
import type { OutgoingMessage } from './outgoing-message.js';
import { refuseDetached } from './refuse-detached.js';

/** How many messages may be under way to one receiver, however small they are. */
export const MAX_UNDER_WAY = 1024;

/** What a socket says whose other end is gone. */
const HUNG_UP: ReadonlySet<string | undefined> = new Set(['EPIPE', 'ECONNRESET']);

/** What {@link Subscriber} tells its sender. */
export interface SubscriberEvents {
  /** This receiver is done with the message, or gone. */
  readonly onReleased: (message: OutgoingMessage) => void;
  /** Something has left, or was released. */
  readonly onChange: () => void;
  /** The connection will end, and not because of the receiver. */
  readonly onFailure: (error: unknown) => void;
  /** The connection is gone, with everything that was under way on it. Called once. */
  readonly onGone: (subscriber: Subscriber) => void;
}

/** The sender's end of one connection: what is under way on it, and what has come back. */
export class Subscriber {
  readonly #id: number;
  readonly #socket: Socket;
  readonly #events: SubscriberEvents;
  readonly #reader = new FrameReader();
  readonly #underWay = new Map<number, OutgoingMessage>();
  #bytesUnderWay = 0;
  /** Number of the last message whose memory the socket no longer needs. */
  #lastLeft = -1;
  #finished = false;
  #gone = false;

  /** @param socket after the handshake. The subscriber takes it over. */
  constructor(id: number, socket: Socket, events: SubscriberEvents) {
    this.#id = id;
    this.#socket = socket;
    this.#events = events;
    refuseDetached(socket);
    socket.once('error', (error) => this.#fail(error));
    socket.on('data', (bytes) => this.receive(bytes));
    // A receiver that stops talking has hung up; there is nothing to wait for.
    socket.once('end', () => this.close());
    socket.once('close', () => this.#leave());
  }

  /** True if one more message can be under way. */
  get hasRoom(): boolean {
    return this.#underWay.size < MAX_UNDER_WAY;
  }

  /** Whether the connection keeps the event loop alive. */
  keepAlive(on: boolean): void {
    if (on) this.#socket.ref();
    else this.#socket.unref();
  }

  /** True if the receiver is done with everything. */
  get idle(): boolean {
    return this.#underWay.size === 0;
  }

  /** True if everything was taken by the kernel. */
  get empty(): boolean {
    return this.#socket.writableLength === 0;
  }

  /** Snapshot for `Sender.receivers`. */
  info(): ReceiverInfo {
    return {
      id: this.#id,
      messagesBehind: this.#underWay.size,
      bytesBehind: this.#bytesUnderWay,
    };
  }

  /** Sends a message; only while there is room. Its memory must not change until it is released. */
  send(message: OutgoingMessage): void {
    message.holders++;
    this.#underWay.set(message.sequence, message);
    this.#bytesUnderWay += message.byteLength;
    this.#socket.write(message.bytes, (error) => {
      if (!error) this.#lastLeft = message.sequence;
      this.#events.onChange();
    });
  }

  /** Tells the receiver that `sequence` and later messages will not come. Once is enough. */
  finish(sequence: number): void {
    if (this.#finished) return;
    this.#finished = true;
    const bytes = Buffer.alloc(FRAME_BYTES);
    writeFrame(bytes, 0, FRAME.end, 0, sequence);
    this.#socket.write(bytes, () => this.#events.onChange());
  }

  /** Takes in what the receiver says. */
  receive(bytes: Buffer): void {
    const source = new BufferSource(bytes);
    for (let frame = this.#reader.read(source); frame; frame = this.#reader.read(source)) {
      // A receiver that breaks the protocol loses its connection, and nothing else happens.
      if (this.#release(frame)) continue;
      this.close();
      return;
    }
    this.#events.onChange();
  }

  /** Hangs up after what was written, without waiting for the receiver. */
  end(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#socket.closed) return resolve();
      this.#socket.once('close', () => resolve());
      this.#socket.destroySoon();
    });
  }

  /** Hangs up at once. What was under way counts as released. Harmless the second time. */
  close(): void {
    this.#socket.destroy();
    this.#leave();
  }

  #release({ kind, value, sequence }: Frame): boolean {
    if (kind !== FRAME.release || value > this.#underWay.size) return false;
    if (!Number.isSafeInteger(sequence + value)) return false;
    for (let released = sequence; released < sequence + value; released++) {
      const message = this.#underWay.get(released);
      if (message === undefined) return false;
      this.#underWay.delete(released);
      this.#bytesUnderWay -= message.byteLength;
      this.#giveBack(message);
    }
    return true;
  }

  #fail(error: NodeJS.ErrnoException): void {
    if (isPageferryError(error)) this.#events.onFailure(error);
    else if (!HUNG_UP.has(error.code)) this.#events.onFailure(nodeCallFailed(error));
  }

  #leave(): void {
    if (this.#gone) return;
    this.#gone = true;
    for (const message of this.#underWay.values()) this.#giveBack(message);
    this.#underWay.clear();
    this.#bytesUnderWay = 0;
    this.#events.onGone(this);
  }

  #giveBack(message: OutgoingMessage): void {
    // The receiver may be quicker than Node's word that the bytes have left, or tell lies.
    if (message.sequence > this.#lastLeft) message.reusable = false;
    this.#events.onReleased(message);
  }
}
