import type { Presence } from '@pageferry/core';
import type { LinuxCalls } from '@pageferry/linux';
import { MAX_RECEIVERS } from '../capabilities.js';
import type { Slot } from '../memory/slot.js';
import type { Lane } from './lane.js';

/** What {@link Lanes} need. */
export interface LanesSettings {
  readonly calls: LinuxCalls;
  readonly presence: Presence;
  /** Gets what has failed on this side, for each lane that was given up because of it. */
  readonly onFailure: (error: unknown) => void;
  /** Called when a receiver that was cut off has ended: what it held may be had back. */
  readonly onEnd: () => void;
}

/**
 * The lanes of a sender: one for each connected receiver, those of receivers that were cut off and may
 * still read what they were given, and the numbers that are free.
 */
export class Lanes {
  readonly #settings: LanesSettings;
  #lanes: Lane[] = [];
  #cutOff: Lane[] = [];

  constructor(settings: LanesSettings) {
    this.#settings = settings;
  }

  /** Those of the connected receivers. */
  get all(): readonly Lane[] {
    return this.#lanes;
  }

  /** How many receivers are connected. */
  get size(): number {
    return this.#lanes.length;
  }

  /** How many numbers are taken: also by receivers that were cut off. */
  get taken(): number {
    return this.#lanes.length + this.#cutOff.length;
  }

  /** The lowest index that no lane has. Only while there are fewer than the most there can be. */
  freeIndex(): number {
    const taken = new Set([...this.#lanes, ...this.#cutOff].map((lane) => lane.index));
    for (let index = 0; index < MAX_RECEIVERS; index++) if (!taken.has(index)) return index;
    throw new RangeError('every lane is taken');
  }

  add(lane: Lane): void {
    this.#lanes.push(lane);
    this.#settings.presence.tell('join', () => lane.info());
  }

  /** Takes in what came back on any lane, and gives up those that are broken. */
  collect(slots: readonly (Slot | undefined)[]): void {
    let broken = false;
    for (let index = 0; index < this.#lanes.length; index++) {
      const lane = this.#lanes[index] as Lane;
      lane.collect();
      broken ||= lane.broken;
    }
    if (broken) this.dropBroken(slots);
  }

  /**
   * Gives up lanes whose receiver is gone or breaks the protocol: closes them, or cuts the receiver off
   * where it may be alive. Returns whether there were any.
   */
  dropBroken(slots: readonly (Slot | undefined)[]): boolean {
    const broken = this.#lanes.filter((lane) => lane.broken);
    if (broken.length === 0) return false;
    this.#lanes = this.#lanes.filter((lane) => !broken.includes(lane));
    const { calls, presence, onFailure, onEnd } = this.#settings;
    for (const lane of broken) {
      presence.tell('leave', () => lane.info());
      if (lane.receiverHasEnded) {
        lane.close(slots);
      } else {
        lane.cutOff(calls, onEnd);
        this.#cutOff.push(lane);
      }
      if (lane.failure !== undefined) onFailure(lane.failure);
    }
    return true;
  }

  /** Closes the lanes of receivers that were cut off and have ended. Returns whether there were any. */
  closeEnded(slots: readonly (Slot | undefined)[]): boolean {
    const ended = this.#cutOff.filter((lane) => lane.receiverHasEnded);
    if (ended.length === 0) return false;
    this.#cutOff = this.#cutOff.filter((lane) => !ended.includes(lane));
    for (const lane of ended) lane.close(slots);
    return true;
  }

  closeAll(slots: readonly (Slot | undefined)[]): void {
    for (const lane of [...this.#lanes, ...this.#cutOff]) lane.close(slots);
    this.#lanes = [];
    this.#cutOff = [];
  }
}
