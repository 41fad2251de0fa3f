import type { RawPeer, Scope } from './peer.js';
import { anyWord, type Choices } from './random.js';
import type { RawSocket } from './raw-socket.js';

/** The frames of `@pageferry/socket`, as they are on the stream. */
const FRAME_BYTES = 24;
const FRAME = { message: 1, end: 2, release: 3, more: 4, credit: 5 } as const;
const PIECE_BYTES = 256 * 1024;
const HONEST_BYTES = 100;
const MOST_UNDER_WAY = 16;

/** A peer over a plain stream: there is no memory to change, so it is frames that it changes. */
export class StreamPeer implements RawPeer {
  readonly #socket: RawSocket;
  readonly #isChannel: boolean;
  readonly #sends: boolean;
  #sent = 0;
  #released = 0;
  /** What has come and is not understood yet: at most a frame. */
  #rest = Buffer.alloc(0);
  /** How many bytes of the message under way are to come before the next frame. */
  #payload = 0;
  /** How many bytes of it are to come behind further frames. */
  #later = 0;
  #number = 0;
  #isInMessage = false;
  #isOver = false;

  /** @param sends whether it is one that sends: a sender, or a side of a channel. */
  constructor(socket: RawSocket, isChannel: boolean, sends: boolean) {
    this.#socket = socket;
    this.#isChannel = isChannel;
    this.#sends = sends;
  }

  keepUp(): void {
    for (let most = 16; most > 0; most--) {
      const received = this.#socket.receive(0);
      if (received === 'end') this.#isOver = true;
      if (received === undefined || received === 'end') return;
      this.#understand(Buffer.concat([this.#rest, received.bytes]));
    }
  }

  #understand(bytes: Buffer): void {
    let at = 0;
    for (;;) {
      const taken = Math.min(this.#payload, bytes.length - at);
      this.#payload -= taken;
      at += taken;
      if (this.#payload > 0) break;
      this.#giveBackIfWhole();
      if (bytes.length - at < FRAME_BYTES) break;
      const kind = bytes.readUInt32LE(at);
      const value = bytes.readUInt32LE(at + 4);
      if (kind === FRAME.message) this.#begin(value, bytes.readUInt32LE(at + 8));
      else if (kind === FRAME.more) this.#go(value);
      else if (kind === FRAME.release) this.#released += value;
      at += FRAME_BYTES;
    }
    this.#rest = Buffer.from(bytes.subarray(at));
  }

  #begin(byteLength: number, number: number): void {
    this.#number = number;
    this.#isInMessage = true;
    this.#later = byteLength;
    this.#go(this.#isChannel ? Math.min(byteLength, PIECE_BYTES) : byteLength);
  }

  /** So many bytes come next. More may come in their place at once. */
  #go(byteLength: number): void {
    this.#payload = byteLength;
    this.#later -= byteLength;
    if (this.#isChannel && byteLength > 0) this.#send(frame(FRAME.credit, byteLength, 0));
  }

  #giveBackIfWhole(): void {
    if (!this.#isInMessage || this.#later > 0) return;
    this.#isInMessage = false;
    this.#send(frame(FRAME.release, 1, this.#number));
  }

  say(exchange = 0): void {
    if (!this.#sends || this.#sent - this.#released >= MOST_UNDER_WAY) return;
    const head = frame(FRAME.message, HONEST_BYTES, this.#sent++, 7, exchange);
    this.#send(Buffer.concat([head, Buffer.alloc(HONEST_BYTES, 1)]));
  }

  lie(choices: Choices): void {
    const lengths = [2 ** 31, 2 ** 32 - 1, 2 ** 31 - 1, 0];
    const kind = choices.oneOf(Object.values(FRAME));
    this.#send(frame(kind, choices.oneOf(lengths), choices.below(3), 0, choices.below(2 ** 32)));
  }

  scribble(choices: Choices, _scope: Scope, count: number): number {
    const kinds = this.#sends ? [FRAME.message, FRAME.message, FRAME.more] : [FRAME.release];
    for (let change = 0; change < count; change++) {
      const honest = frame(choices.oneOf(kinds), HONEST_BYTES, this.#sent, 7);
      const isMessage = honest.readUInt32LE(0) === FRAME.message;
      // Words 4 and 5 may be anything: such a message is right, and the next frame is understood too.
      const word = choices.below(8) === 0 ? choices.below(6) : 4 + choices.below(2);
      honest.writeInt32LE(anyWord(choices, honest.readInt32LE(word * 4)), word * 4);
      if (isMessage) this.#sent++;
      const bytes = isMessage ? [honest, Buffer.alloc(HONEST_BYTES)] : [honest];
      if (!this.#send(Buffer.concat(bytes))) return change;
    }
    return count;
  }

  toggle(choices: Choices, count: number): number {
    return this.scribble(choices, 'all', Math.min(count, 16));
  }

  shout(choices: Choices): void {
    const bytes = Buffer.alloc(1 + choices.below(4096));
    for (let at = 0; at < bytes.length; at++) bytes[at] = choices.below(256);
    this.#send(bytes);
  }

  ring(): void {
    // Nobody has a bell: credit that nobody has asked for wakes, too.
    if (this.#isChannel) this.#send(frame(FRAME.credit, 1, 0));
  }

  /** Takes nothing, and sends as much as there is room for. */
  block(): void {
    const bytes = Buffer.concat([
      frame(FRAME.message, 2 ** 31 - 1, this.#sent++),
      Buffer.alloc(65_536),
    ]);
    for (let most = 64; most > 0 && this.#send(bytes); most--);
  }

  truncate(): void {
    // Half a frame, and nothing after it.
    this.#send(frame(FRAME.message, HONEST_BYTES, this.#sent).subarray(0, FRAME_BYTES / 2));
  }

  isOver(): boolean {
    return this.#isOver || this.#socket.isOver();
  }

  settle(milliseconds: number): void {
    this.#socket.settle(milliseconds, () => this.keepUp());
  }

  close(): void {
    this.#socket.close();
  }

  /** False if nothing goes any more; what goes only in part leaves the stream in pieces, as a liar may. */
  #send(bytes: Buffer): boolean {
    return this.#socket.send(bytes) === bytes.length;
  }
}

function frame(kind: number, value: number, sequence: number, tag = 0, exchange = 0): Buffer {
  const bytes = Buffer.alloc(FRAME_BYTES);
  bytes.writeUInt32LE(kind, 0);
  bytes.writeUInt32LE(value >>> 0, 4);
  bytes.writeUInt32LE(sequence >>> 0, 8);
  bytes.writeUInt32LE(tag >>> 0, 16);
  bytes.writeUInt32LE(exchange >>> 0, 20);
  return bytes;
}
