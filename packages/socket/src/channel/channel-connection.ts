import type { Socket } from 'node:net';
import { type BufferPool, PageferryError } from '@pageferry/core';
import { BufferSource, FRAME, type Frame, FrameReader } from '../protocol/frame.js';
import { Releases } from '../receiving/releases.js';
import { refuseDetached } from '../sending/refuse-detached.js';
import { failureOfSocket } from '../sending/socket-failure.js';
import { ChannelInbox } from './channel-inbox.js';
import { ChannelSubscriber, type ChannelSubscriberEvents } from './channel-subscriber.js';
import { keepReadable } from './keep-readable.js';

/** What a {@link ChannelConnection} tells its side of the channel. */
export interface ChannelConnectionEvents extends ChannelSubscriberEvents {
  /** Messages have come, or parts of them, or nothing more will. */
  readonly onArrival: () => void;
  /** Something was released, or may be sent. */
  readonly onRoom: () => void;
  /** The connection is over, and this side has not hung up. Called once at most. */
  readonly onHangUp: () => void;
}

/** One side's end of the socket of a channel: hands what comes to the half that it is for, until it is over. */
export class ChannelConnection {
  readonly #socket: Socket;
  readonly #peer: string;
  readonly #events: ChannelConnectionEvents;
  readonly #reader = new FrameReader();
  #isOver = false;
  /** What was said last, for the events. */
  #hasArrived = false;
  #hasRoom = false;
  /** What this side receives. */
  readonly inbox: ChannelInbox;
  /** What this side sends. */
  readonly subscriber: ChannelSubscriber;

  /**
   * @param socket after the handshake. The connection takes it over, but for what arrives on it: that is the
   *   caller's to hand to {@link receive}.
   * @param peer the other side in words, for errors.
   * @param pool where memory for what comes is from, and goes back to. Stays the caller's.
   */
  constructor(socket: Socket, peer: string, pool: BufferPool, events: ChannelConnectionEvents) {
    this.#socket = socket;
    this.#peer = peer;
    this.#events = events;
    this.subscriber = new ChannelSubscriber(socket, {
      ...events,
      onFailure: (error) => this.#fail(error),
    });
    this.inbox = new ChannelInbox({
      peer,
      pool,
      releases: new Releases(socket, () => this.subscriber.writeOn()),
      hangUp: () => this.#hangUp(),
    });
    keepReadable(socket, () => this.subscriber.leave());
    refuseDetached(socket);
    let cause: unknown;
    socket.on('error', (error) => {
      cause = error;
      const failure = failureOfSocket(error);
      if (failure !== undefined) this.#fail(failure);
    });
    socket.once('end', () => this.#end(undefined));
    socket.once('close', () => this.#end(undefined, cause));
  }

  /** Whether the connection keeps the event loop alive. It does until this is called. */
  keepAlive(on: boolean): void {
    if (on) this.#socket.ref();
    else this.#socket.unref();
  }

  /** Takes in what the other side says. The bytes stay the caller's. */
  receive(bytes: Buffer): void {
    if (this.#isOver) return;
    try {
      if (!this.#takeIn(bytes)) {
        this.#end(new PageferryError('PEER_MISBEHAVED', `${this.#peer} broke the protocol`));
        return;
      }
    } catch (error) {
      // Nobody else would catch it.
      this.#fail(error);
      return;
    }
    if (this.#hasRoom) this.#events.onRoom();
    if (this.#hasArrived) this.#events.onArrival();
    this.#hasRoom = false;
    this.#hasArrived = false;
  }

  /** Ends the connection at once: the other side sees that this one has not ended in good order. */
  abandon(): void {
    this.#end(new PageferryError('CLOSED', 'this side of the channel has ended it at once'));
  }

  #takeIn(bytes: Buffer): boolean {
    const source = new BufferSource(bytes);
    for (;;) {
      const piece = source.view(this.inbox.due);
      if (piece.length > 0) {
        this.inbox.take(piece);
        this.#hasArrived = true;
      }
      const frame = this.inbox.due > 0 ? undefined : this.#reader.read(source);
      if (frame === undefined) return true;
      if (!this.#obey(frame)) return false;
    }
  }

  /** False for what must not be said. */
  #obey(frame: Frame): boolean {
    switch (frame.kind) {
      case FRAME.message:
        this.#hasArrived = true;
        return this.inbox.begin(frame);
      case FRAME.more:
        return this.inbox.goOn(frame);
      case FRAME.end:
        this.#hasArrived = true;
        return this.inbox.end(frame);
      case FRAME.release:
        this.#hasRoom = true;
        return this.subscriber.release(frame.sequence, frame.value);
      case FRAME.credit:
        this.#hasRoom = true;
        return this.subscriber.grant(frame.value);
      default:
        return false;
    }
  }

  /** Ends the connection because of what failed in this process. */
  #fail(error: unknown): void {
    if (this.#isOver) return;
    this.#events.onFailure(error);
    this.#end(error);
  }

  /** The connection is over. What has come whole can still be received. */
  #end(failure: unknown, cause?: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.inbox.close(failure, cause);
    this.#socket.destroy();
    this.subscriber.leave();
    this.#events.onRoom();
    this.#events.onArrival();
    this.#events.onHangUp();
  }

  /** This side is done with both directions. What it has sent has left, or is given up. */
  async #hangUp(): Promise<void> {
    this.#isOver = true;
    this.subscriber.leave();
    const socket = this.#socket;
    if (socket.closed) return;
    await new Promise((resolve) => {
      socket.once('close', resolve);
      // What still waits to be written are releases, for which nobody waits.
      if (socket.writableLength > 0) socket.destroy();
      else socket.destroySoon();
    });
  }
}
