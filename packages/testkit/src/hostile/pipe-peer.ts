import { CAPACITY, ENTRY_WORDS, FIRST_ENTRY, FIRST_RETURN, RETURN_WORDS, WORD } from './layout.js';
import { MemoryPeer } from './memory-peer.js';

const HONEST_BYTES = 100;
const PAGE = 4096;
const POLLIN = 1;
const POLLOUT = 4;

/** A peer whose payload goes through pipes. */
export class PipePeer extends MemoryPeer {
  /** How many messages have come whole, and were given back. */
  #taken = 0;
  /** How many bytes of the next one are in hand. */
  #begun = 0;
  readonly #bytes = new Uint8Array(65_536);

  keepUp(): void {
    const { incoming, readEnd } = this.connection;
    if (incoming === undefined || readEnd === undefined) return;
    // Bounded: the counter may be anything by now.
    for (let most = 64; most > 0; most--) {
      if (this.#taken === (Atomics.load(incoming, WORD.delivered) | 0)) return;
      if (!this.#takeOne(incoming, readEnd)) return;
    }
  }

  /** False if its bytes are not there yet. */
  #takeOne(incoming: Int32Array, readEnd: number): boolean {
    const at = FIRST_ENTRY + (this.#taken % CAPACITY) * ENTRY_WORDS;
    const length = incoming[at] as number;
    while (this.#begun < length) {
      const most = Math.min(this.#bytes.length, length - this.#begun);
      // The pipe may block by now.
      if ((this.calls.poll(readEnd, POLLIN, 0) & POLLIN) === 0) return false;
      const count = this.calls.read(readEnd, this.#bytes, 0, most);
      if (count <= 0) return false;
      this.#begun += count;
      const isWhole = this.#begun === length;
      Atomics.add(incoming, WORD.cursor, count + (isWhole ? -length & (PAGE - 1) : 0));
      this.wake();
    }
    const returned = incoming[WORD.returned] as number;
    const place = FIRST_RETURN + (returned & (2 * CAPACITY - 1)) * RETURN_WORDS;
    incoming.set([incoming[at + 2] as number, 0], place);
    Atomics.store(incoming, WORD.returned, returned + 1);
    this.#taken = (this.#taken + 1) | 0;
    this.#begun = 0;
    this.wake();
    return true;
  }

  say(exchange = 0): void {
    const { outgoing, writeEnd } = this.connection;
    if (outgoing === undefined || writeEnd === undefined) return;
    if (!this.hasRoom(outgoing, WORD.returned)) return;
    if ((this.calls.poll(writeEnd, POLLOUT, 0) & POLLOUT) === 0) return;
    const bytes = this.#bytes.subarray(0, HONEST_BYTES).fill(this.sent & 255);
    if (this.calls.write(writeEnd, bytes, 0, bytes.length) !== bytes.length) return;
    this.writeEntry(outgoing, FIRST_ENTRY + (this.sent % CAPACITY) * ENTRY_WORDS, exchange);
    this.sent++;
    Atomics.add(outgoing, WORD.bytesProduced, PAGE);
    Atomics.store(outgoing, WORD.delivered, this.sent);
    this.wake();
  }

  protected writeEntry(words: Int32Array, at: number, exchange: number): void {
    words.set([HONEST_BYTES, 0, this.sent, 7, exchange, 0, 0, 0], at);
  }
}
