import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openShared, type SharedDelivery } from '@pageferry/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

describe('a delivery that came from another thread', () => {
  let folder: string;
  let bell: number;

  // What is written to an eventfd is appended to a file just as well.
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'pageferry-'));
    bell = openSync(join(folder, 'bell'), 'a+');
  });
  afterEach(() => {
    closeSync(bell);
    rmSync(folder, { recursive: true });
  });

  const rings = (): bigint[] => {
    const { buffer, byteOffset, length } = readFileSync(join(folder, 'bell'));
    return [...new BigUint64Array(buffer.slice(byteOffset, byteOffset + length))];
  };

  function shared(threads: number): SharedDelivery {
    const holds = new Int32Array(new SharedArrayBuffer(4)).fill(threads);
    const bytes = new Uint8Array(new SharedArrayBuffer(16), 3, 5).fill(7);
    return { bytes, holds, bell, sequence: 12, tag: 34, offset: 56 };
  }

  test('has what the delivery had', () => {
    using delivery = openShared(shared(1));
    const { byteLength, sequence, tag, offset, released } = delivery;
    expect([byteLength, sequence, tag, offset, released]).toEqual([5, 12, 34, 56, false]);
    expect(delivery.bytes).toEqual(Uint8Array.of(7, 7, 7, 7, 7));
    const copy = delivery.copy();
    expect(copy).toEqual(Buffer.alloc(5, 7));
    expect(copy.buffer).toBeInstanceOf(ArrayBuffer);
  });

  test('rings with the last release, and once', () => {
    const sent = shared(2);
    const [first, second] = [openShared(sent), openShared(structuredClone(sent))];
    first.release();
    first.release();
    expect([sent.holds[0], rings(), first.released]).toEqual([1, [], true]);
    second[Symbol.dispose]();
    expect([sent.holds[0], rings()]).toEqual([0, [1n]]);
    openShared(sent).release();
    expect([sent.holds[0], rings()]).toEqual([0, [1n]]);
  });

  test('has no bytes once it is released', () => {
    const delivery = openShared(shared(1));
    delivery.release();
    const released = expect.objectContaining({ code: 'DELIVERY_RELEASED' });
    expect(() => delivery.bytes).toThrow(released);
    expect(() => delivery.copy()).toThrow(released);
    expect(delivery.byteLength).toBe(5);
  });

  test('is nothing else', () => {
    const right = shared(1);
    for (const wrong of [
      undefined,
      null,
      7,
      {},
      right.bytes,
      { ...right, bytes: new Uint8Array(5) },
      { ...right, holds: new Int32Array(1) },
      { ...right, holds: new Int32Array(new SharedArrayBuffer(8)) },
      { ...right, bell: '3' },
      { ...right, tag: undefined },
    ]) {
      expect(() => openShared(wrong as never)).toThrow(
        expect.objectContaining({ code: 'INVALID_ARGUMENT', argument: 'shared' }),
      );
    }
  });
});
