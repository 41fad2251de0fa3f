import { BufferPool, ByteQuota } from '@pageferry/core';
import type { Incoming, Transfer } from './transfer.js';

const NOTHING = new Uint8Array(0);

/** What arrives at one side: of so many bytes at a time. What there is no room for is fetched later. */
export class Arrivals {
  readonly #quota: ByteQuota;
  readonly #onChange: () => void;
  /** Messages that are whole, and that nobody has got. */
  readonly #ready: Incoming[] = [];
  /** What there was no room for. */
  readonly #waiting: Transfer[] = [];
  readonly #running = new Set<Transfer>();
  #isOver = false;
  /** Where the memory of the messages is from. */
  readonly pool: BufferPool;

  /**
   * @param maxBytes how much may be here, be it whole or held.
   * @param onChange called when a message is ready.
   */
  constructor(maxBytes: number, onChange: () => void) {
    this.pool = new BufferPool(maxBytes);
    this.#quota = new ByteQuota(maxBytes);
    this.#onChange = onChange;
  }

  /** Brings a message here, now or when there is room. `first` is what is here of it. */
  begin(transfer: Transfer, first: Uint8Array): void {
    const { byteLength } = transfer.message;
    if (this.#waiting.length > 0 || !this.#quota.hasRoomFor(byteLength)) {
      this.#waiting.push(transfer);
      return;
    }
    this.#quota.add(byteLength);
    this.#running.add(transfer);
    transfer.begin(first);
  }

  /** A message is whole. */
  finish(transfer: Transfer): void {
    this.#running.delete(transfer);
    transfer.message.show();
    this.add(transfer.message, false);
  }

  /** A message without bytes that this side has made itself, unless it is counted already. */
  add(message: Incoming, isNew = true): void {
    if (isNew) {
      this.#quota.add(0);
      message.show();
    }
    this.#ready.push(message);
    this.#onChange();
  }

  /** The next message. */
  next(): Incoming | undefined {
    return this.#ready.shift();
  }

  /** Takes back a message that the program is done with. */
  giveBack(message: Incoming): void {
    message.free();
    this.#quota.remove(message.byteLength);
    this.#goOn();
  }

  /** Gives up what is on its way. */
  cancel(transfer: Transfer): void {
    transfer.stop();
    const place = this.#waiting.indexOf(transfer);
    if (place >= 0) this.#waiting.splice(place, 1);
    else if (this.#running.delete(transfer)) this.giveBack(transfer.message);
  }

  /** Gives up a message that nobody has got. False if somebody has. */
  discard(message: Incoming): boolean {
    const place = this.#ready.indexOf(message);
    if (place < 0) return false;
    this.#ready.splice(place, 1);
    this.giveBack(message);
    return true;
  }

  /** Takes in nothing more. */
  stop(): void {
    this.#isOver = true;
    for (const transfer of this.#running) transfer.stop();
    this.#waiting.length = 0;
    this.#ready.length = 0;
    this.pool.clear();
  }

  #goOn(): void {
    while (!this.#isOver) {
      const [transfer] = this.#waiting;
      if (transfer === undefined || !this.#quota.hasRoomFor(transfer.message.byteLength)) return;
      this.#waiting.shift();
      this.#quota.add(transfer.message.byteLength);
      this.#running.add(transfer);
      transfer.begin(NOTHING);
    }
  }
}
