import { setImmediate as nextTurn } from 'node:timers/promises';
import type { SenderParts } from '@pageferry/connection';
import { ConnectionFailures, Presence } from '@pageferry/core';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { expect, test } from 'vitest';
import { PagePool } from '../dist/memory/page-pool.js';
import { Outbox } from '../dist/sending/outbox.js';
import type { Subscriber } from '../dist/sending/subscriber.js';

/** Its pipe is full until the sender parks: in that moment all of it is free, which is more than goes in one turn. */
class FreesPipeLate {
  readonly hasRoom = true;
  readonly broken = false;
  readonly idle = false;
  left = 0;
  /** Whether this turn of the event loop is used up. */
  isTurnOver = false;
  #isParked = false;

  get empty(): boolean {
    return this.left === 0;
  }

  accept(): void {
    this.left = 4;
  }

  park(): void {
    this.#isParked = true;
  }

  pump(): boolean {
    if (!this.#isParked || this.empty) return false;
    this.left--;
    this.isTurnOver = true;
    setImmediate(() => {
      this.isTurnOver = false;
    });
    return true;
  }

  keepAlive(): void {}
  collect(): void {}
  close(): void {}
  info(): undefined {}
}

test('what was accepted leaves in later turns, also where room came in the moment of parking', async () => {
  const receiver = new FreesPipeLate();
  const noWaits = { parked: 0, moved() {}, wake() {}, resumeSoon() {} };
  using pool = new PagePool(loadLinuxCalls(), 4096);
  const parts = {
    budget: { exhausted: () => receiver.isTurnOver },
    waits: noWaits,
    presence: new Presence(),
    failures: new ConnectionFailures(),
  } as unknown as SenderParts;
  const outbox = new Outbox({ ...parts, pool });
  outbox.add(receiver as unknown as Subscriber);
  const slot = outbox.allocate(1);
  if (slot === undefined) throw new Error('no room');
  expect(outbox.accept(slot, 1, 0, 0)).toBe('sent');
  for (let turn = 0; turn < 20; turn++) await nextTurn();
  expect(receiver.left).toBe(0);
});
