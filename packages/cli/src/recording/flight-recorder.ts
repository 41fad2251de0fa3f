import type { Recorded } from './recording-file.js';

/** Keeps the last messages in memory of its own. */
export class FlightRecorder {
  readonly #most: number;
  readonly #mostBytes: number;
  readonly #kept: (Recorded | undefined)[] = [];
  #first = 0;
  #bytes = 0;

  /**
   * @param most how many messages to keep.
   * @param mostBytes how many bytes of them; the last message is kept however long it is.
   */
  constructor(most: number, mostBytes: number) {
    this.#most = most;
    this.#mostBytes = mostBytes;
  }

  /** How many it has. */
  get count(): number {
    return this.#kept.length - this.#first;
  }

  /** Adds a message, whose bytes are its own from now on. The oldest ones make room. */
  add(message: Recorded): void {
    this.#kept.push(message);
    this.#bytes += message.bytes.length;
    while (this.count > this.#most || (this.#bytes > this.#mostBytes && this.count > 1)) {
      const oldest = this.#kept[this.#first] as Recorded;
      this.#bytes -= oldest.bytes.length;
      this.#kept[this.#first++] = undefined;
    }
    // Now and then, so that each message costs the same.
    if (this.#first > this.#most) {
      this.#kept.splice(0, this.#first);
      this.#first = 0;
    }
  }

  /** What it has, the oldest first. */
  messages(): readonly Recorded[] {
    return this.#kept.slice(this.#first) as Recorded[];
  }
}
