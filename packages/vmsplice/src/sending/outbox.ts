import type { AdaptiveWaits } from '@pageferry/connection';
import {
  type AcceptOutcome,
  type ConnectionFailures,
  clock,
  type LoopBudget,
  type Presence,
  type ReceiverInfo,
  type Subscribers,
} from '@pageferry/core';
import type { PagePool, Slot } from '../memory/page-pool.js';
import type { Lane } from './lane.js';
import type { OutgoingMessage } from './message.js';

/** What an {@link Outbox} needs. It takes the pool over. */
export interface OutboxSettings {
  readonly pool: PagePool;
  readonly budget: LoopBudget;
  readonly waits: AdaptiveWaits;
  readonly presence: Presence;
  readonly failures: ConnectionFailures;
}

/**
 * A pool of pages and the connections that it serves: lends, delivers to all of them, pushes what was accepted
 * into their pipes, and takes back what they return.
 */
export class Outbox implements Subscribers {
  readonly #pool: PagePool;
  readonly #budget: LoopBudget;
  readonly #waits: AdaptiveWaits;
  readonly #presence: Presence;
  readonly #failures: ConnectionFailures;
  readonly #lanes = new Set<Lane>();
  readonly #exhausted: () => boolean;
  #sequence = 0;
  #keepsAlive = true;
  #closed = false;
  #backgroundScheduled = false;

  constructor({ pool, budget, waits, presence, failures }: OutboxSettings) {
    this.#pool = pool;
    this.#budget = budget;
    this.#waits = waits;
    this.#presence = presence;
    this.#failures = failures;
    this.#exhausted = () => budget.exhausted();
  }

  /** Bytes that are lent or held by somebody. */
  get bytesOut(): number {
    return this.#pool.bytesOut;
  }

  allocate(byteLength: number): Slot | undefined {
    this.#collect();
    const slot = this.#pool.take(byteLength);
    try {
      // What a program sees is made at first use: now, where it can still fail without a loss.
      void slot?.bytes;
      return slot;
    } catch (error) {
      this.#pool.giveBack(slot as Slot);
      throw error;
    }
  }

  free(slot: Slot): void {
    this.#pool.giveBack(slot);
  }

  accept(slot: Slot, byteLength: number, tag: number): AcceptOutcome {
    this.#dropBroken();
    if (this.#lanes.size === 0) return 'no-receiver';
    for (const lane of this.#lanes) {
      if (!lane.hasRoom) lane.collect();
      if (!lane.hasRoom) return 'full';
    }
    const bytes =
      byteLength === slot.inner.length ? slot.inner : slot.inner.subarray(0, byteLength);
    const message: OutgoingMessage = {
      slot,
      bytes,
      sequence: this.#sequence++,
      tag,
      holders: 0,
    };
    for (const lane of this.#lanes) lane.accept(message);
    this.#pump();
    if (!this.hasLeft) this.#pumpInBackground();
    return 'sent';
  }

  settle(): void {
    this.#pump();
    this.#collect();
  }

  get hasLeft(): boolean {
    for (const lane of this.#lanes) if (!lane.empty) return false;
    return true;
  }

  get isIdle(): boolean {
    for (const lane of this.#lanes) if (!lane.idle) return false;
    return true;
  }

  list(): readonly ReceiverInfo[] {
    return Array.from(this.#lanes, (lane) => lane.info());
  }

  count(): number {
    this.#dropBroken();
    return this.#lanes.size;
  }

  /** Whether the connections keep the event loop alive. They do until this is called. */
  keepAlive(on: boolean): void {
    this.#keepsAlive = on;
    for (const lane of this.#lanes) lane.keepAlive(on);
  }

  /** Has every receiver wake this side when there is something to do. */
  park(): void {
    // Only waits care for what comes back; background work needs room alone.
    for (const lane of this.#lanes) lane.park(this.#waits.parked > 0);
  }

  /** Serves a receiver from now on. */
  add(lane: Lane): void {
    lane.keepAlive(this.#keepsAlive);
    this.#lanes.add(lane);
    this.#presence.tell('join', () => lane.info());
    this.#waits.wake();
  }

  /** Takes a message back that one receiver is done with. */
  takeBack(message: OutgoingMessage, referenced: boolean): void {
    if (referenced) message.slot.referenced = true;
    message.holders--;
    if (message.holders === 0) this.#pool.giveBack(message.slot);
  }

  /** Something has changed on a connection. */
  onRing(): void {
    this.#dropBroken();
    this.#pump();
    this.#waits.wake();
    if (!this.hasLeft) this.#pumpInBackground();
  }

  /** Tells every receiver that this was all. */
  finish(): void {
    for (const lane of this.#lanes) lane.finish();
  }

  close(): void {
    this.#closed = true;
    for (const lane of this.#lanes) lane.close();
    this.#lanes.clear();
    this.#pool.close();
  }

  #pump(): void {
    for (const lane of this.#lanes) {
      if (lane.pump(this.#exhausted)) {
        this.#waits.moved();
        if (!lane.empty && this.#budget.exhausted()) this.#waits.resumeSoon();
      }
      if (lane.broken) this.#drop(lane);
    }
  }

  #collect(): void {
    for (const lane of this.#lanes) {
      lane.collect();
      if (lane.broken) this.#drop(lane);
    }
  }

  /** Has what was accepted leave although nobody waits for it. */
  #pumpInBackground(): void {
    if (this.#backgroundScheduled) return;
    this.#backgroundScheduled = true;
    clock.setImmediate(() => {
      this.#backgroundScheduled = false;
      if (this.#closed) return;
      this.#pump();
      if (this.hasLeft) return;
      if (this.#budget.exhausted()) {
        this.#pumpInBackground();
        return;
      }
      this.park();
      this.#pump();
    });
  }

  #dropBroken(): void {
    for (const lane of this.#lanes) if (lane.broken) this.#drop(lane);
  }

  #drop(lane: Lane): void {
    this.#lanes.delete(lane);
    this.#presence.tell('leave', () => lane.info());
    lane.close();
    if (lane.failure !== undefined) this.#failures.add(lane.failure);
    this.#waits.moved();
  }
}
