import { createEntry, type SenderConnection, WAITS_FOR } from '@pageferry/connection';
import type { PeerCredentials, ReceiverInfo } from '@pageferry/core';
import type { OwnedFd } from '@pageferry/linux';
import { ProducedBytes } from '../flow/produced-bytes.js';
import { DISPOSITION, paddingOf, RETURN, WAITS_FOR_ROOM } from '../layout.js';
import type { Announcements } from './announcements.js';
import type { OutgoingMessage } from './message.js';
import type { Outlet } from './outlet.js';

/** What a {@link Subscriber} needs. It takes the connection and the pipe over. */
export interface SubscriberSettings {
  readonly id: number;
  readonly credentials: PeerCredentials | undefined;
  readonly connection: SenderConnection<Announcements>;
  /** The end that payload goes into, and what the pipe holds, in bytes. */
  readonly pipe: { readonly writeEnd: OwnedFd; readonly byteLength: number };
  readonly outlet: Outlet;
  readonly pageSize: number;
  /** Called for each message that the receiver is done with, or that died with it. */
  readonly onReturn: (message: OutgoingMessage, referenced: boolean) => void;
}

/**
 * The way to one receiver: its connection, its pipe, and what is under way on them.
 *
 * Messages wait in `#leaving` until their last page is in the pipe, and in `#underWay` until the
 * receiver has given them back.
 */
export class Subscriber {
  readonly #settings: SubscriberSettings;
  readonly #flow: ProducedBytes;
  readonly #pieceBytes: number;
  readonly #entry = createEntry(2);
  readonly #underWay: OutgoingMessage[] = [];
  readonly #leaving: OutgoingMessage[] = [];
  /** Bytes of the first leaving message that are in the pipe already. */
  #offset = 0;
  #bytesUnderWay = 0;
  #broken = false;
  #failure: unknown;
  /** True once nobody reads the pipe any more. */
  #isDeserted = false;
  /** True from when the pipe had no room until half of it is free. */
  #full = false;

  constructor(settings: SubscriberSettings) {
    this.#settings = settings;
    this.#flow = new ProducedBytes(settings.connection);
    // A quarter of the pipe at a time keeps both sides at work at once.
    const piecePages = Math.floor(settings.pipe.byteLength / 4 / settings.pageSize);
    this.#pieceBytes = Math.max(1, piecePages) * settings.pageSize;
  }

  /** True while another message can be accepted. */
  get hasRoom(): boolean {
    return this.#underWay.length < this.#settings.connection.capacity;
  }

  /** True once everything accepted is in the pipe. */
  get empty(): boolean {
    return this.#leaving.length === 0;
  }

  /** Whether the connection keeps the event loop alive. */
  keepAlive(on: boolean): void {
    this.#settings.connection.keepAlive(on);
  }

  /** True once the receiver has given everything back. */
  get idle(): boolean {
    return this.#underWay.length === 0;
  }

  /** True if the receiver is gone or breaks the protocol: the subscriber must be closed. */
  get broken(): boolean {
    return this.#broken || this.#settings.connection.peerGone;
  }

  /** What failed on this side, if that is why the subscriber is broken. */
  get failure(): unknown {
    return this.#failure ?? this.#settings.connection.failure;
  }

  /** Announces a message; {@link pump} puts it into the pipe. Only while `hasRoom`. */
  accept(message: OutgoingMessage): void {
    const { length } = message.bytes;
    message.slot.holders++;
    this.#underWay.push(message);
    this.#bytesUnderWay += length;
    const { connection } = this.#settings;
    connection.deliveries.announce(message);
    if (length > 0) this.#leaving.push(message);
    else connection.wakeReceiver();
  }

  /**
   * Puts pages into the pipe until there is no room or nothing left, or `exhausted` says that it
   * took long enough. Whatever fails breaks the subscriber: what was announced cannot be taken back, and
   * there may be no caller who could be told.
   *
   * @returns whether anything moved.
   */
  pump(exhausted: () => boolean): boolean {
    const { pipe, pageSize } = this.#settings;
    let moved = false;
    for (;;) {
      const message = this.#leaving[0];
      if (message === undefined || this.#broken) return moved;
      const { inFlight } = this.#flow;
      // The padding of a message's last page may reach beyond the pipe; nothing else can.
      if (inFlight < 0 || inFlight > pipe.byteLength + pageSize) {
        this.#broken = true;
        return moved;
      }
      const room = pipe.byteLength - inFlight;
      const rest = message.bytes.length - this.#offset;
      const length = Math.min(rest, this.#pieceBytes);
      // Small pieces cost as many system calls as large ones: wait for room for a whole one. And once
      // the pipe was full, wait until half of it is free: both sides lock it, and a sender that puts
      // a piece in whenever the receiver has taken one out gets into its way each time.
      if (room < (this.#full ? Math.max(length, pipe.byteLength >> 1) : length)) {
        this.#full = true;
        return moved;
      }
      this.#full = false;
      const taken = this.#put(message, length);
      if (taken <= 0) return moved;
      this.#advance(message, taken);
      moved = true;
      if (exhausted()) return moved;
    }
  }

  /** Takes in what the receiver has given back. */
  collect(): void {
    const { connection } = this.#settings;
    const available = connection.returns.available();
    if (available === 0) return;
    if (available < 0 || available > this.#underWay.length) {
      this.#broken = true;
      return;
    }
    for (let count = 0; count < available; count++) {
      connection.returns.shift(this.#entry);
      const message = this.#underWay[0];
      const sequence = this.#entry[RETURN.sequenceLow];
      // What is still leaving cannot have been received: who says so lies.
      if (
        message === undefined ||
        sequence !== (message.sequence | 0) ||
        message === this.#leaving[0]
      ) {
        this.#broken = true;
        return;
      }
      this.#underWay.shift();
      this.#bytesUnderWay -= message.bytes.length;
      const disposition = this.#entry[RETURN.disposition];
      this.#settings.onReturn(message, disposition !== DISPOSITION.done);
    }
  }

  /**
   * Has the receiver wake this side when there is room to pump.
   *
   * @param returns whether messages that come back shall wake it too.
   */
  park(returns: boolean): void {
    const { connection, pipe } = this.#settings;
    // Half of the pipe at a stretch: a wake-up costs as much as hundreds of messages.
    if (!this.empty) this.#flow.wakeAt(pipe.byteLength >> 1);
    connection.park((returns ? WAITS_FOR.returns : 0) | (this.empty ? 0 : WAITS_FOR_ROOM));
  }

  /** Tells the receiver that this was all. Its pipe ends; what is in it stays. */
  finish(): void {
    this.#settings.connection.finish();
  }

  /** Closes the connection and the pipe; what was under way comes back as referenced. */
  close(): void {
    const { connection, pipe, onReturn } = this.#settings;
    if (!this.#broken) this.collect();
    // One that lives learns who has ended the connection, and why. Its pipe keeps its pages: see below.
    if (this.broken && !connection.receiverHasEnded()) {
      // One that dies can have closed its pipe first, and has done nothing wrong.
      connection.cutOff(this.failure === undefined && !this.#isDeserted);
    }
    connection.close();
    pipe.writeEnd.close();
    // The receiver may have spliced pages onward before it ended: nobody can tell.
    for (const message of this.#underWay.splice(0)) onReturn(message, true);
    this.#leaving.length = 0;
    this.#bytesUnderWay = 0;
  }

  /** A snapshot for `Sender.receivers`. */
  info(): ReceiverInfo {
    const { id, credentials } = this.#settings;
    return {
      id,
      credentials,
      messagesBehind: this.#underWay.length,
      bytesBehind: this.#bytesUnderWay,
    };
  }

  /** Bytes taken; -1, and the subscriber is broken, if there will be none any more. */
  #put({ bytes }: OutgoingMessage, length: number): number {
    const { outlet, pipe } = this.#settings;
    let taken = -1;
    try {
      taken = outlet.put(pipe.writeEnd.fd, bytes, this.#offset, length);
      this.#isDeserted = taken < 0;
    } catch (error) {
      this.#failure = error;
    }
    if (taken < 0) this.#broken = true;
    return taken;
  }

  #advance(message: OutgoingMessage, taken: number): void {
    const { connection, pageSize } = this.#settings;
    const { length } = message.bytes;
    this.#offset += taken;
    if (this.#offset < length) {
      this.#flow.add(taken);
    } else {
      this.#leaving.shift();
      this.#offset = 0;
      this.#flow.add(taken + paddingOf(length, pageSize));
    }
    connection.wakeReceiver();
  }
}
