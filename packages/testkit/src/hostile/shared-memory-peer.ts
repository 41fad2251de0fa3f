import { CAPACITY, ENTRY_WORDS, FIRST_ENTRY, RING_PUBLISHED, WORD } from './layout.js';
import { MemoryPeer } from './memory-peer.js';

const HONEST_BYTES = 1000;

/** A peer whose payload lies in memory that both sides map. */
export class SharedMemoryPeer extends MemoryPeer {
  keepUp(): void {
    const { incoming, outgoing, ring, socket } = this.connection;
    if (incoming === undefined || socket === undefined) return;
    // Who may miss messages is not waited for.
    if (ring === undefined && outgoing === undefined) return;
    const published =
      ring !== undefined
        ? Atomics.load(ring, RING_PUBLISHED)
        : Atomics.load(incoming, WORD.delivered);
    this.#takeRecords(incoming);
    if (Atomics.exchange(incoming, WORD.cursor, published) !== published) this.wake();
  }

  /** Memory that was passed has to be taken before its message is returned. */
  #takeRecords(incoming: Int32Array): void {
    const { socket } = this.connection;
    for (;;) {
      const record = socket.receive(0, 64);
      if (record === undefined || record === 'end') return;
      for (const fd of record.descriptors) this.calls.close(fd);
      Atomics.add(incoming, WORD.memoriesTaken, 1);
    }
  }

  say(exchange = 0): void {
    const { outgoing, ring } = this.connection;
    if (outgoing === undefined || !this.hasRoom(outgoing, WORD.cursor)) return;
    const words = ring ?? outgoing;
    this.writeEntry(words, FIRST_ENTRY + (this.sent % CAPACITY) * ENTRY_WORDS, exchange);
    this.sent++;
    Atomics.store(words, ring === undefined ? WORD.delivered : RING_PUBLISHED, this.sent);
    this.wake();
  }

  protected writeEntry(words: Int32Array, at: number, exchange: number): void {
    const place = 16 * (this.sent % 64); // Units of 64 bytes.
    const entry = [HONEST_BYTES, place, this.sent % 64, this.sent, this.sent & 0x7fffffff, 0, 7];
    words.set([...entry, exchange], at);
  }
}
