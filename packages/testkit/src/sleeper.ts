import type { LinuxCalls } from '@pageferry/linux';

/** How often to look for a ring before somebody else may have the processor. */
const SPINS = 100;

/**
 * Sleep that costs next to nothing: whoever sleeps looks for nothing but a ring of its bell, in a loop.
 * To wake from it takes a microsecond instead of fifty, so that a race between parking and publishing
 * can be run millions of times; and what is not rung for is not seen, as in real sleep.
 */
export class Sleeper {
  readonly #calls: LinuxCalls;
  readonly #bell: number;
  readonly #counter = new Uint8Array(8);
  /** How often it has slept. */
  slept = 0;

  /** @param bell the descriptor of an eventfd. It is non-blocking, and stays the caller's. */
  constructor(calls: LinuxCalls, bell: number) {
    this.#calls = calls;
    this.#bell = bell;
  }

  /** Waits as the transports do: look; park; look once more; sleep until the bell rings; and again. */
  waitFor(ready: () => boolean, park: () => void): void {
    for (;;) {
      if (this.slept % 2 === 0 && ready()) return;
      park();
      if (ready()) return;
      this.slept++;
      this.#sleep();
    }
  }

  #sleep(): void {
    const { read, schedYield } = this.#calls;
    for (;;) {
      for (let spin = SPINS; spin > 0; spin--) {
        if (read(this.#bell, this.#counter, 0, 8) > 0) return;
      }
      schedYield();
    }
  }
}

let state = 1;

/**
 * Passes a moment, of another length each time: up to about a microsecond, and now and then up to 64. To park may
 * take longer than one (membarrier(2)): then the other side would nearly always be back before anybody slept.
 */
export function loiter(round: number): void {
  state = (Math.imul(state, 1664525) + 1013904223 + round) | 0;
  const longest = round % 16 === 0 ? 8191 : 127;
  for (let count = (state >>> 19) & longest; count > 0; count--) state ^= count << 8;
}
