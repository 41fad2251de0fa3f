import { writeSync } from 'node:fs';
import { types } from 'node:util';
import { invalidArgument } from '../checks.js';
import type { OwnBuffer } from '../contract/bytes.js';
import type { SharedDelivery, ThreadDelivery } from '../contract/threads.js';
import { dispose } from '../dispose.js';
import { PageferryError } from '../errors.js';

/** What rings an eventfd, eventfd(2). */
const ONE = new Uint8Array(new BigUint64Array([1n]).buffer);

/**
 * Opens a delivery that came from another thread, by `postMessage` or as `workerData`: once for each thread that it was
 * counted for. Needs no binding.
 *
 * @param shared what `Delivery.forThreads` has returned over there.
 * @throws `INVALID_ARGUMENT` for anything else.
 * @example
 * parentPort.on('message', (shared) => {
 *   using delivery = openShared(shared);
 *   process(delivery.bytes);
 * });
 */
export function openShared(shared: SharedDelivery): ThreadDelivery {
  if (!isSharedDelivery(shared)) {
    throw invalidArgument('shared', shared, 'what delivery.forThreads() has returned');
  }
  return new OpenedDelivery(shared);
}

class OpenedDelivery implements ThreadDelivery {
  readonly #shared: SharedDelivery;
  readonly byteLength: number;
  #released = false;

  constructor(shared: SharedDelivery) {
    this.#shared = shared;
    this.byteLength = shared.bytes.length;
  }

  get bytes(): Uint8Array {
    if (!this.#released) return this.#shared.bytes;
    throw new PageferryError(
      'DELIVERY_RELEASED',
      'this thread has released the delivery: its memory may hold another message by now',
    );
  }

  get sequence(): number {
    return this.#shared.sequence;
  }

  get tag(): number {
    return this.#shared.tag;
  }

  get offset(): number {
    return this.#shared.offset;
  }

  get released(): boolean {
    return this.#released;
  }

  copy(): OwnBuffer {
    return Buffer.from(this.bytes);
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    const { holds, bell } = this.#shared;
    if (isLastToSay(holds)) ring(bell);
    // The descriptor is open, and nothing else has its number, as long as somebody has the count: so until here.
    Atomics.load(holds, 0);
  }

  [dispose](): void {
    this.release();
  }
}

/** Counts one thread less. True if it was the last one. Once nobody counts any more, nothing is taken off. */
function isLastToSay(holds: Int32Array): boolean {
  for (;;) {
    const count = Atomics.load(holds, 0);
    if (count <= 0) return false;
    if (Atomics.compareExchange(holds, 0, count, count - 1) === count) return count === 1;
  }
}

function ring(bell: number): void {
  try {
    writeSync(bell, ONE);
  } catch {
    // Rung too often to take more: it is heard all the same.
  }
}

function isSharedDelivery(value: unknown): value is SharedDelivery {
  if (typeof value !== 'object' || value === null) return false;
  const { bytes, holds, bell, sequence, tag, offset } = value as Partial<SharedDelivery>;
  return (
    types.isUint8Array(bytes) &&
    types.isInt32Array(holds) &&
    holds.length === 1 &&
    types.isSharedArrayBuffer(bytes.buffer) &&
    types.isSharedArrayBuffer(holds.buffer) &&
    [bell, sequence, tag, offset].every((number) => Number.isSafeInteger(number))
  );
}
