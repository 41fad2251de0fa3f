import { EINTR } from '@pageferry/linux';
import type { Driver } from '../drivers/driver.js';

/** A system call that has been made: what it returned, or -1 with errno set. */
export type Attempt = () => number;

/**
 * errno(3) of the thread that made it. The C library tells where the variable is (glibc and musl:
 * `__errno_location`), and from then on it is a load from memory: no other call can come between a
 * failed call and the look at its errno, and reading it costs next to nothing.
 */
export class Errno {
  readonly #variable: Int32Array;

  constructor(driver: Driver) {
    const location = driver.declare('__errno_location', 'pointer', []);
    this.#variable = new Int32Array(driver.view(location(), Int32Array.BYTES_PER_ELEMENT));
  }

  /** What is there now. Means something only right after a call that returned -1. */
  get value(): number {
    return this.#variable[0] as number;
  }

  /** Makes a call once. For those that an interruption must end. */
  once(attempt: Attempt): number {
    const answer = attempt();
    return answer === -1 ? -this.value : answer;
  }

  /** Makes a call, and makes it again whenever a signal has interrupted it. */
  repeat(attempt: Attempt): number {
    for (;;) {
      const answer = attempt();
      if (answer !== -1) return answer;
      const errno = this.value;
      if (errno !== EINTR) return -errno;
    }
  }
}
