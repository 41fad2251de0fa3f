import { MAX_RECEIVERS } from '../capabilities.js';
import type { Slot } from '../memory/slot.js';
import type { Lane } from './lane.js';

/** The lanes of a sender: one for each connected receiver, and the numbers that are free. */
export class Lanes {
  readonly #onFailure: (error: unknown) => void;
  #lanes: Lane[] = [];

  /** @param onFailure gets what has failed on this side, for each lane that was closed because of it. */
  constructor(onFailure: (error: unknown) => void) {
    this.#onFailure = onFailure;
  }

  get all(): readonly Lane[] {
    return this.#lanes;
  }

  get size(): number {
    return this.#lanes.length;
  }

  /** The lowest index that no lane has. Only while there are fewer than the most there can be. */
  freeIndex(): number {
    const taken = new Set(this.#lanes.map((lane) => lane.index));
    for (let index = 0; index < MAX_RECEIVERS; index++) if (!taken.has(index)) return index;
    throw new RangeError('every lane is taken');
  }

  add(lane: Lane): void {
    this.#lanes.push(lane);
  }

  /** Takes in what came back on any lane, and closes those that are broken. */
  collect(slots: readonly (Slot | undefined)[]): void {
    let broken = false;
    for (let index = 0; index < this.#lanes.length; index++) {
      const lane = this.#lanes[index] as Lane;
      lane.collect();
      broken ||= lane.broken;
    }
    if (broken) this.dropBroken(slots);
  }

  /** Closes lanes whose receiver is gone or breaks the protocol. Returns whether there were any. */
  dropBroken(slots: readonly (Slot | undefined)[]): boolean {
    if (!this.#lanes.some((lane) => lane.broken)) return false;
    const broken = this.#lanes.filter((lane) => lane.broken);
    this.#lanes = this.#lanes.filter((lane) => !lane.broken);
    for (const lane of broken) {
      lane.close(slots);
      if (lane.failure !== undefined) this.#onFailure(lane.failure);
    }
    return true;
  }

  closeAll(slots: readonly (Slot | undefined)[]): void {
    for (const lane of this.#lanes) lane.close(slots);
    this.#lanes = [];
  }
}
