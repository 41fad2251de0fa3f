import type { LinuxCalls } from '@pageferry/linux';
import { closeConnection, PAYLOAD_BYTES, type RawConnection } from './connection.js';
import {
  CAPACITY,
  ENTRY_WORDS,
  FIRST_ENTRY,
  FIRST_RETURN,
  HOT_WORDS,
  OWN_MEMORY,
  PART_WORDS,
  RECORD_MAGIC,
  RETURN_WORDS,
  RING_PUBLISHED,
  WORD,
} from './layout.js';
import { memoryFile, SEALS, SIZE_SEALS } from './memory.js';
import type { RawPeer, Scope } from './peer.js';
import { anyWord, type Choices } from './random.js';

const ONE = new Uint8Array(new BigUint64Array([1n]).buffer);
const NEARLY_FULL = new Uint8Array(new BigUint64Array([0xfffffffffffffffen]).buffer);
const NONBLOCK = 0o4000;
/** More than this is not under way from a peer of this kit, so that its honest messages are honest. */
const MOST_UNDER_WAY = 16;

/** What peers over shared memory and over pipes have in common: control memory, bells, and a socket for records. */
export abstract class MemoryPeer implements RawPeer {
  protected readonly calls: LinuxCalls;
  protected readonly connection: RawConnection;
  /** How many messages it has sent. */
  protected sent = 0;
  /** What is mapped may be gone: whoever looked would be ended, this side as well as the other. */
  #isTruncated = false;

  constructor(calls: LinuxCalls, connection: RawConnection) {
    this.calls = calls;
    this.connection = connection;
  }

  abstract keepUp(): void;
  abstract say(exchange?: number): void;

  ring(): void {
    this.#isParked();
    this.calls.write(this.connection.theirBell, ONE, 0, ONE.length);
  }

  /** Rings if the other side sleeps, as whoever has changed a counter must. */
  protected wake(): void {
    if (this.#isParked()) this.calls.write(this.connection.theirBell, ONE, 0, ONE.length);
  }

  /** Whether the other side has said that it sleeps; it does no longer. */
  #isParked(): boolean {
    const { outgoing, incoming } = this.connection;
    let parked = 0;
    if (incoming !== undefined) parked |= Atomics.exchange(incoming, WORD.parkedSender, 0);
    if (outgoing !== undefined) {
      const at = outgoing[WORD.parkedReceiver] as number;
      parked |= Atomics.exchange(outgoing, at >= 128 && at < FIRST_ENTRY ? at : 128, 0);
    }
    return parked !== 0;
  }

  scribble(choices: Choices, scope: Scope, count: number): number {
    const { control, ring } = this.connection;
    // A ring that came with a welcome can only be read: the one who has opened it has `outgoing` and no `incoming`.
    const writesRing = ring !== undefined && this.connection.outgoing !== undefined;
    for (let change = 0; change < count; change++) {
      const words = writesRing && (change & 1) === 1 ? ring : control;
      const at = wordOf(choices, scope, words.length);
      words[at] = anyWord(choices, words[at]);
    }
    return count;
  }

  toggle(choices: Choices, count: number): number {
    const [words, at] = this.#published(choices);
    const right = words[at] as number;
    const wrong = anyWord(choices, right);
    for (let change = 0; change < count; change += 2) {
      Atomics.store(words, at, wrong);
      Atomics.store(words, at, right);
    }
    this.ring();
    return count;
  }

  /** A word of an entry that it publishes: of a message, or, where it sends none, of one that it gives back once too often. */
  #published(choices: Choices): [words: Int32Array, at: number] {
    const { incoming, outgoing, ring } = this.connection;
    if (outgoing !== undefined) {
      this.say();
      const entry = FIRST_ENTRY + ((this.sent - 1) % CAPACITY) * ENTRY_WORDS;
      return [ring ?? outgoing, entry + choices.below(ENTRY_WORDS)];
    }
    const words = incoming as Int32Array;
    const returned = Atomics.add(words, WORD.returned, 1);
    const entry = FIRST_RETURN + (returned & (2 * CAPACITY - 1)) * RETURN_WORDS;
    return [words, entry + choices.below(RETURN_WORDS)];
  }

  lie(choices: Choices): void {
    const { incoming, outgoing } = this.connection;
    const part = incoming !== undefined && (outgoing === undefined || choices.below(2) === 0);
    if (part) this.#lieAsReceiver(incoming, choices);
    else if (outgoing !== undefined) this.#lieAsSender(outgoing, choices);
    this.ring();
  }

  /** Returns that it does not hold, twice, out of range; counters that cannot be. */
  #lieAsReceiver(incoming: Int32Array, choices: Choices): void {
    const returned = incoming[WORD.returned] as number;
    const at = FIRST_RETURN + (returned & (2 * CAPACITY - 1)) * RETURN_WORDS;
    const cursor = incoming[WORD.cursor] as number;
    const slot = choices.oneOf([0, 1, -1, 2 ** 30, choices.below(64), anyWord(choices)]);
    incoming[at] = slot;
    incoming[at + 1] = choices.oneOf([cursor, cursor - 1, cursor + 1, anyWord(choices, cursor)]);
    const kind = choices.below(4);
    if (kind < 2) Atomics.store(incoming, WORD.returned, returned + 1 + kind);
    else if (kind === 2) Atomics.store(incoming, WORD.returned, anyWord(choices, returned));
    else Atomics.store(incoming, WORD.cursor, anyWord(choices, cursor));
  }

  /** Messages of lengths, at places, with slots and numbers that cannot be; counters that cannot be. */
  #lieAsSender(outgoing: Int32Array, choices: Choices): void {
    const { ring } = this.connection;
    const words = ring ?? outgoing;
    const counter = ring === undefined ? WORD.delivered : RING_PUBLISHED;
    const at = FIRST_ENTRY + (this.sent % CAPACITY) * ENTRY_WORDS;
    this.writeEntry(words, at, 0);
    const lengths = [2 ** 31, 2 ** 32 - 1, 2 ** 31 - 1, PAYLOAD_BYTES + 1, 4096];
    if (choices.below(2) === 0) words[at] = choices.oneOf(lengths) | 0;
    else words[at + choices.below(ENTRY_WORDS)] = anyWord(choices, words[at + 3]);
    this.sent++;
    Atomics.store(words, counter, choices.below(4) > 0 ? this.sent : anyWord(choices, this.sent));
  }

  /** Writes the entry of the next message, an honest one. */
  protected abstract writeEntry(words: Int32Array, at: number, exchange: number): void;

  /** Whether an honest sender would send now. */
  protected hasRoom(outgoing: Int32Array, counter: number): boolean {
    return ((this.sent - (outgoing[counter] as number)) | 0) < MOST_UNDER_WAY;
  }

  shout(choices: Choices): void {
    const { calls, connection } = this;
    const { socket } = connection;
    const kind = choices.below(4);
    if (kind === 0) {
      socket.send(Buffer.alloc(1 + choices.below(300), choices.below(256)));
      return;
    }
    const record = Buffer.alloc(8);
    record.writeUInt32LE(RECORD_MAGIC, 0);
    record.writeInt32LE(anyWord(choices, this.sent), 4);
    const seals = choices.oneOf([0, SIZE_SEALS, SIZE_SEALS | SEALS.write]);
    const fds = Array.from({ length: choices.oneOf([0, 1, 1, 1, 2, 16]) }, () =>
      choices.below(3) === 0 ? calls.eventfd(0, 0) : memoryFile(calls, 4096, seals),
    );
    socket.send(record, fds);
    for (const fd of fds) calls.close(fd);
    if (connection.outgoing !== undefined) {
      Atomics.add(connection.outgoing, WORD.memoriesPassed, choices.below(3));
      if (kind === 1) this.#announceOwnMemory(record.readInt32LE(4));
    }
    this.ring();
  }

  /** A message that asks for memory that may have come, or not. */
  #announceOwnMemory(number: number): void {
    const { outgoing, ring } = this.connection;
    const words = ring ?? outgoing;
    if (words === undefined) return;
    const at = FIRST_ENTRY + (this.sent % CAPACITY) * ENTRY_WORDS;
    this.writeEntry(words, at, 0);
    words[at + 2] = OWN_MEMORY | (number & 0xff);
    this.sent++;
    Atomics.store(words, ring === undefined ? WORD.delivered : RING_PUBLISHED, this.sent);
  }

  block(): void {
    const { calls } = this;
    const { theirBell, ownBell, readEnd, writeEnd } = this.connection;
    for (const fd of [theirBell, ownBell, readEnd, writeEnd]) {
      if (fd !== undefined) calls.setStatusFlags(fd, 0);
    }
    // This side may block as well as the other: it fills with its own flag set once more.
    calls.setStatusFlags(ownBell, NONBLOCK);
    calls.write(ownBell, NEARLY_FULL, 0, NEARLY_FULL.length);
    calls.setStatusFlags(ownBell, 0);
  }

  truncate(): void {
    this.#isTruncated = true;
    for (const fd of this.connection.descriptors) this.calls.ftruncate(fd, 0);
  }

  isOver(): boolean {
    const { incoming, outgoing, socket } = this.connection;
    if (this.#isTruncated) return socket.isOver();
    const isCutOff =
      incoming !== undefined && incoming[WORD.cutOff] !== 0 && outgoing === undefined;
    return isCutOff || socket.isOver();
  }

  settle(milliseconds: number): void {
    this.connection.socket.settle(milliseconds, () => {
      if (!this.#isTruncated) this.keepUp();
    });
  }

  close(): void {
    closeConnection(this.calls, this.connection);
  }
}

/** One of the words of a scope, of a memory that is `length` words long: a ring, or a control memory of one or two parts. */
function wordOf(choices: Choices, scope: Scope, length: number): number {
  if (scope === 'all') return choices.below(length);
  const part = length > PART_WORDS && choices.below(2) === 1 ? PART_WORDS : 0;
  return Math.min(length - 1, part + wordOfPart(choices, scope));
}

function wordOfPart(choices: Choices, scope: Exclude<Scope, 'all'>): number {
  switch (scope) {
    case 'hot':
      return choices.oneOf(HOT_WORDS);
    case 'entries':
      return FIRST_ENTRY + choices.below(CAPACITY * ENTRY_WORDS);
    case 'returns':
      return FIRST_RETURN + choices.below(2 * CAPACITY * RETURN_WORDS);
    case 'parked':
      return choices.oneOf([WORD.parkedSender, WORD.senderWakeAt, 128, WORD.parkedReceiver]);
    case 'counters':
      return choices.oneOf([WORD.delivered, WORD.returned, WORD.cursor, WORD.memoriesTaken]);
  }
}
