import { PageferryError } from '@pageferry/core';
import type { LinuxCalls } from '@pageferry/linux';

/** What a view is of. */
export type Lent = 'loan' | 'delivery';

/** Buffers that were taken away. Those that a program has detached itself are not among them. */
const taken = new WeakSet<ArrayBufferLike>();

const typedArray = Object.getPrototypeOf(Uint8Array.prototype);
const prototypes = { loan: guardedPrototype('loan'), delivery: guardedPrototype('delivery') };

/**
 * A view of memory that can be taken away. Whoever asks for its length then gets an error. A view without
 * would have length 0, and Node's APIs would write nothing, and say nothing.
 *
 * It is a `Buffer` to Node, because streams make a `Buffer` of any other view at once, which could not
 * tell, and its methods are those of a `Uint8Array`.
 */
export function guardedView(
  buffer: ArrayBuffer,
  byteLength: number,
  lent: Lent,
): Uint8Array<ArrayBuffer> {
  return guard(new Uint8Array(buffer, 0, byteLength), lent);
}

/** Detaches a buffer: every view of it has length 0 from now on, or throws. */
export function takeAway(calls: LinuxCalls, buffer: ArrayBuffer): void {
  taken.add(buffer);
  calls.detach(buffer);
}

function guard(bytes: Uint8Array<ArrayBuffer>, lent: Lent): Uint8Array<ArrayBuffer> {
  return Object.setPrototypeOf(bytes, prototypes[lent]);
}

function guardedPrototype(lent: Lent): Uint8Array<ArrayBuffer> {
  const prototype: Uint8Array<ArrayBuffer> = Object.create(Buffer.prototype);
  const define = (name: PropertyKey, property: PropertyDescriptor) =>
    Object.defineProperty(prototype, name, { ...property, configurable: true });
  for (const name of Reflect.ownKeys(Buffer.prototype)) {
    const own = Object.getOwnPropertyDescriptor(typedArray, name);
    if (own !== undefined) define(name, own);
  }
  // Of copies, which nobody takes away.
  define('constructor', { value: Uint8Array<ArrayBuffer> });
  for (const name of ['length', 'byteLength']) {
    const { get } = Object.getOwnPropertyDescriptor(typedArray, name) as PropertyDescriptor;
    define(name, {
      get(this: Uint8Array<ArrayBuffer>): number {
        const length = get?.call(this);
        if (length === 0) check(this, lent);
        return length;
      },
    });
  }
  define('subarray', {
    value(this: Uint8Array<ArrayBuffer>, begin?: number, end?: number): Uint8Array<ArrayBuffer> {
      check(this, lent);
      return guard(typedArray.subarray.call(this, begin, end), lent);
    },
  });
  return prototype;
}

/** @throws if the view was taken away. */
function check(view: Uint8Array<ArrayBuffer>, lent: Lent): void {
  if (taken.has(view.buffer)) throw wasTaken(lent);
}

function wasTaken(lent: Lent): PageferryError {
  return lent === 'loan'
    ? new PageferryError(
        'LOAN_NOT_OWNED',
        'this view was kept of a loan that was sent or released, or that waits to be passed on: ' +
          'nobody may change the message any more',
      )
    : new PageferryError(
        'DELIVERY_RELEASED',
        'this view was kept of a delivery that was released: retain() the delivery until whoever reads ' +
          'it has called back, or pass a copy',
      );
}
