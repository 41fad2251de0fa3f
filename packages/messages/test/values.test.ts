import { isDeepStrictEqual, types } from 'node:util';
import { shared, toMessagePort } from '@pageferry/messages';
import { sharedMmap } from '@pageferry/shared-mmap';
import { expectNothingLeft, fuzzRuns, temporaryFolder, withCode } from '@pageferry/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openPorts, transports } from './support/transports.js';

const { fresh } = temporaryFolder();

/** What V8 clones and `isDeepStrictEqual` compares with its types. */
const anyValue = fc.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withTypedArray: true,
  withSparseArray: true,
  withBoxedValues: true,
  maxDepth: 4,
});

/** Long arrays with holes are refused by design. `isDeepStrictEqual` of some versions takes no two invalid dates for equal. */
function isLeftOut(value: unknown): boolean {
  if (Array.isArray(value) && value.length > 1000) return true;
  if (types.isDate(value)) return Number.isNaN(value.getTime());
  if (types.isMap(value)) return [...value].flat().some(isLeftOut);
  if (types.isSet(value)) return [...value].some(isLeftOut);
  return typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)
    ? Object.values(value).some(isLeftOut)
    : false;
}

describe.each(transports)('values over $name', (transport) => {
  expectNothingLeft();

  test('arrive equal, in place and copied', async () => {
    await using ports = await openPorts(transport, fresh());
    const { here, there } = ports;
    const property = fc.asyncProperty(anyValue, fc.boolean(), async (value, copy) => {
      fc.pre(!isLeftOut(value));
      // Prototypes that structured clone does not keep are none of ours.
      const wanted = structuredClone(value);
      await here.send(value);
      using message = await there.receive({ copy });
      expect(isDeepStrictEqual(message?.value, wanted)).toBe(true);
    });
    await fc.assert(property, fuzzRuns(150));
    expect(there.channel.stats().deliveriesHeld).toBe(0);
  });
});

describe('a value', () => {
  expectNothingLeft();

  async function carried<T>(value: T, options = {}): Promise<T> {
    await using ports = await openPorts(sharedMmap, fresh());
    await ports.here.send(value);
    using message = await ports.there.receive<T>({ copy: true, ...options });
    return message?.value as T;
  }

  test('is what it is, whatever prototype it was given', async () => {
    const map = Object.setPrototypeOf(new Map([['a', { b: 1 }]]), Object.prototype);
    const set = Object.setPrototypeOf(new Set([1, 'two']), null);
    expect(await carried({ map, set })).toEqual({
      map: new Map([['a', { b: 1 }]]),
      set: new Set([1, 'two']),
    });
  });

  test('keeps views of every type, where they share memory once', async () => {
    const memory = new Uint8Array(1000).map((_, index) => index);
    const floats = new Float64Array(memory.buffer, 8, 10);
    const bytes = new Uint8Array(memory.buffer, 3, 50);
    const value = [
      bytes,
      floats,
      bytes,
      new DataView(memory.buffer, 5, 7),
      Buffer.from('text'),
      BigUint64Array.of(1n),
      new Int16Array(memory.buffer, 100, 3),
    ] as const;
    const got = await carried(value);
    expect(isDeepStrictEqual(got, value)).toBe(true);
    expect(Buffer.isBuffer(got[4])).toBe(true);
    expect(got[2]).toBe(got[0]);
    got[0][5] = 99;
    expect(new Uint8Array(got[1].buffer, got[1].byteOffset)[0]).toBe(99);
  });

  test('with overlapping views takes their memory once', async () => {
    await using ports = await openPorts(sharedMmap, fresh());
    const memory = new Uint8Array(100_000);
    await ports.here.send(Array.from({ length: 50 }, (_, index) => memory.subarray(index)));
    using message = await ports.there.receive();
    expect(message?.byteLength).toBeLessThan(103_000);
  });

  test('with an ArrayBuffer has that one, and views on it', async () => {
    const buffer = new ArrayBuffer(64);
    new Uint8Array(buffer).fill(3);
    const got = await carried({ buffer, view: new Int32Array(buffer, 4, 2) });
    expect(got.buffer.byteLength).toBe(64);
    expect(got.view.buffer).toBe(got.buffer);
    expect(got.view.byteOffset).toBe(4);
    expect(new Uint8Array(got.buffer)).toEqual(new Uint8Array(64).fill(3));
  });

  test('keeps a date that is none', async () => {
    const got = await carried([new Date(Number.NaN), new Date(0)]);
    expect(got.map((date) => date.getTime())).toEqual([Number.NaN, 0]);
  });

  test('keeps cycles, and errors with name, code, cause and what else is theirs', async () => {
    const error = Object.assign(new AggregateError([new TypeError('inner')], 'all'), { code: 'E' });
    class OwnError extends Error {
      override name = 'OwnError';
    }
    const value: Record<string, unknown> = { error, own: new OwnError('o', { cause: error }) };
    value['self'] = value;
    const got = (await carried(value)) as { error: AggregateError; own: Error; self: unknown };
    expect(got.self).toBe(got);
    expect(got.error).toMatchObject({ name: 'AggregateError', message: 'all', code: 'E' });
    expect(got.error.errors[0]).toBeInstanceOf(TypeError);
    expect(got.own.name).toBe('OwnError');
    expect(got.own.cause).toBe(got.error);
  });

  test.each([
    ['job.callback', { job: { callback: () => 0 } }],
    ['list[3].x', { list: [1, 2, 3, { x: Symbol('x') }] }],
    ['["a b"].get("k")', { 'a b': new Map([['k', Promise.resolve()]]) }],
    ['[0]', [new WeakMap()]],
    ['p', { p: new Proxy({}, {}) }],
    ['s', { s: new SharedArrayBuffer(8) }],
    ['', () => 0],
  ])('that cannot be cloned is refused at %s', async (path, value) => {
    await using ports = await openPorts(sharedMmap, fresh());
    const error = await ports.here.send(value).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'NOT_CLONEABLE', path });
    expect(() => toMessagePort(ports.here).postMessage(value)).toThrow(withCode('NOT_CLONEABLE'));
    await expect(ports.here.compose(value)).rejects.toEqual(withCode('NOT_CLONEABLE'));
  });

  test('that is nested too deep, or has too many holes, is refused where it is sent', async () => {
    await using ports = await openPorts(sharedMmap, fresh());
    const { here, there } = ports;
    const nested = (depth: number): unknown => {
      let value: unknown = 0;
      for (let count = 0; count < depth; count++) value = { value };
      return value;
    };
    await expect(here.send(nested(1100))).rejects.toEqual(withCode('NOT_CLONEABLE'));
    await expect(here.send(new Array(10_000_000))).rejects.toEqual(withCode('NOT_CLONEABLE'));
    await here.send([nested(990), new Array(1000), shared.length]);
    const message = await there.receive<unknown[]>({ copy: true });
    expect(isDeepStrictEqual(message?.value, [nested(990), new Array(1000), 2])).toBe(true);
  });
});
