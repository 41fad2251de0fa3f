// @ts-check
// Sleep that costs next to nothing: whoever sleeps looks for nothing but a ring of its bell, in a loop.
// To wake from it takes a microsecond instead of fifty, so that a race between parking and publishing
// can be run millions of times; and what is not rung for is not seen, as in real sleep.

/** How often to look for a ring before somebody else may have the processor. */
const LOOKS = 100;

export class Sleeper {
  #calls;
  #bell;
  #counter = new Uint8Array(8);
  slept = 0;

  /**
   * @param {import('@pageferry/linux').LinuxCalls} calls
   * @param {import('@pageferry/connection').Doorbell} bell
   */
  constructor(calls, bell) {
    this.#calls = calls;
    this.#bell = bell.fd.fd;
  }

  /**
   * Waits as the transports do: look; park; look once more; sleep until the bell rings; and again.
   *
   * @param {() => boolean} ready
   * @param {() => void} park
   */
  waitFor(ready, park) {
    for (;;) {
      if (this.slept % 2 === 0 && ready()) return;
      park();
      if (ready()) return;
      this.slept++;
      this.#sleep();
    }
  }

  #sleep() {
    const { read, schedYield } = this.#calls;
    for (;;) {
      for (let look = LOOKS; look > 0; look--) {
        if (read(this.#bell, this.#counter, 0, 8) > 0) return;
      }
      schedYield();
    }
  }
}

let state = 1;

/** Passes a moment, of another length each time: up to about a microsecond. */
export function loiter(/** @type {number} */ round) {
  state = (Math.imul(state, 1664525) + 1013904223 + round) | 0;
  for (let count = (state >>> 24) & 127; count > 0; count--) state ^= count << 8;
}
