import { clock } from '@pageferry/core';
import { MAX_UNDER_WAY } from '../options.js';

/** How many questions may be under way to the group at first. */
const FIRST = 64;
/** How long to wait before what nobody took is asked again, in milliseconds. */
const SHORTEST_PAUSE = 1;
const LONGEST_PAUSE = 50;

/**
 * How many questions are under way to the group that nobody has said to have taken: more while they are taken, half as many
 * each time that one is refused because all are busy.
 */
export class Pace {
  readonly #onMore: () => void;
  #limit = FIRST;
  #underWay = 0;
  #pause = SHORTEST_PAUSE;
  #timer: NodeJS.Timeout | undefined;

  /** @param onMore called when more may be asked after a pause. */
  constructor(onMore: () => void) {
    this.#onMore = onMore;
  }

  /** True if one more may be asked. */
  get mayAsk(): boolean {
    return this.#timer === undefined && this.#underWay < this.#limit;
  }

  /** One was asked. */
  asked(): void {
    this.#underWay++;
  }

  /** One was taken, or given up. */
  taken(): void {
    this.#underWay--;
    this.#limit = Math.min(MAX_UNDER_WAY, this.#limit + 1);
    this.#pause = SHORTEST_PAUSE;
  }

  /** Nobody has taken one. */
  refused(): void {
    this.#underWay--;
    this.#limit = Math.max(1, this.#limit >> 1);
    if (this.#timer !== undefined) return;
    this.#timer = clock.setTimeout(() => this.#goOn(), this.#pause);
    this.#pause = Math.min(LONGEST_PAUSE, this.#pause * 2);
  }

  /** Somebody can take one. */
  freed(): void {
    if (this.#timer !== undefined) this.#goOn();
  }

  /** Calls nobody any more. */
  stop(): void {
    clock.clearTimeout(this.#timer);
  }

  #goOn(): void {
    clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#onMore();
  }
}
