import type { Socket } from 'node:net';
import type { ReceiverInfo } from '@pageferry/core';
import {
  BufferSource,
  FRAME,
  FRAME_BYTES,
  type Frame,
  FrameReader,
  writeFrame,
} from '../protocol/frame.js';
import type { OutboxSubscriber } from './outbox.js';
import type { OutgoingMessage } from './outgoing-message.js';
import { refuseDetached } from './refuse-detached.js';
import { failureOfSocket } from './socket-failure.js';
import { UnderWay } from './under-way.js';

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
export class Subscriber implements OutboxSubscriber {
  readonly #id: number;
  readonly #socket: Socket;
  readonly #events: SubscriberEvents;
  readonly #reader = new FrameReader();
  readonly #underWay: UnderWay;
  #finished = false;
  #gone = false;

  /** @param socket after the handshake. The subscriber takes it over. */
  constructor(id: number, socket: Socket, events: SubscriberEvents) {
    this.#id = id;
    this.#socket = socket;
    this.#events = events;
    this.#underWay = new UnderWay(events.onReleased);
    refuseDetached(socket);
    socket.once('error', (error) => this.#fail(error));
    socket.on('data', (bytes) => this.receive(bytes));
    // A receiver that stops talking has hung up; there is nothing to wait for.
    socket.once('end', () => this.close());
    socket.once('close', () => this.#leave());
  }

  get hasRoom(): boolean {
    return this.#underWay.hasRoom;
  }

  /** Whether the connection keeps the event loop alive. */
  keepAlive(on: boolean): void {
    if (on) this.#socket.ref();
    else this.#socket.unref();
  }

  /** True if the receiver is done with everything. */
  get idle(): boolean {
    return this.#underWay.count === 0;
  }

  /** True if everything was taken by the kernel. */
  get empty(): boolean {
    return this.#socket.writableLength === 0;
  }

  /** Snapshot for `Sender.receivers`. */
  info(): ReceiverInfo {
    return {
      id: this.#id,
      messagesBehind: this.#underWay.count,
      bytesBehind: this.#underWay.bytes,
    };
  }

  send(message: OutgoingMessage): void {
    this.#underWay.add(message);
    this.#socket.write(message.bytes, (error) => {
      if (!error) this.#underWay.noteLeft(message);
      this.#events.onChange();
    });
  }

  // Once is enough.
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
    return kind === FRAME.release && this.#underWay.release(sequence, value);
  }

  #fail(error: Error): void {
    const failure = failureOfSocket(error);
    if (failure !== undefined) this.#events.onFailure(failure);
  }

  #leave(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#underWay.clear();
    this.#events.onGone(this);
  }
}
