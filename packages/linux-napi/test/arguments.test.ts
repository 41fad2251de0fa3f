import type { DescriptorWatcher } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { describe, expect, test } from 'vitest';
import { HARMLESS_ARGUMENTS } from './harmless-arguments.js';

type Native = (...args: readonly unknown[]) => unknown;

const calls = loadLinuxCalls();
const natives = calls as unknown as Readonly<Record<string, Native>>;

function open(fd: number): DescriptorWatcher {
  const watcher = calls.watch(fd, 1, () => {});
  if (typeof watcher === 'number') throw new Error(`watch answered ${watcher}`);
  return watcher;
}

/** Values none of which is an integer of 32 bits. */
const NOT_INTEGERS: readonly unknown[] = [
  undefined,
  null,
  '1',
  true,
  1n,
  Symbol('1'),
  {},
  [1],
  Number.NaN,
  1.5,
  Number.POSITIVE_INFINITY,
  2 ** 60,
  -(2 ** 60),
  () => 1,
  new Proxy({}, {}),
];

/** Values none of which is memory of any kind that is asked for. */
const NOT_MEMORY: readonly unknown[] = [
  undefined,
  null,
  0,
  'bytes',
  {},
  [0, 0, 0, 0, 0, 0, 0, 0],
  Symbol('memory'),
  new Float64Array(8),
  new DataView(new ArrayBuffer(16)),
  Object.create(Uint8Array.prototype, { toString: { value: () => 'no array' } }),
  { length: 16, byteLength: 16, buffer: new ArrayBuffer(16) },
];

function wrongValues(right: unknown): readonly unknown[] {
  switch (typeof right) {
    case 'number':
      return NOT_INTEGERS;
    case 'boolean':
      return [undefined, null, 0, 1, 'true', {}];
    case 'string':
      return [undefined, null, 0, {}, ['name'], Symbol('name'), Buffer.from('name')];
    case 'function':
      return [undefined, null, 0, 'callback', {}, class {}.prototype];
    default:
      return NOT_MEMORY.filter(
        (value) => !(right instanceof Float64Array && value instanceof Float64Array),
      );
  }
}

describe('arguments of the wrong type', () => {
  test('every method of the addon is covered', () => {
    const methods = Object.keys(natives).filter((name) => typeof natives[name] === 'function');
    expect(Object.keys(HARMLESS_ARGUMENTS).sort()).toEqual(methods.sort());
  });

  describe.each(Object.entries(HARMLESS_ARGUMENTS))('%s', (name, right) => {
    const native = natives[name] as Native;

    test('does not throw for the right types, whatever the call answers', async () => {
      await expect(Promise.resolve(native(...right))).resolves.toBeDefined();
    });
  });

  const withArguments = Object.entries(HARMLESS_ARGUMENTS).filter(([, right]) => right.length > 0);
  describe.each(withArguments)('%s', (name, right) => {
    const native = natives[name] as Native;

    test('throws a TypeError that names the wrong argument', () => {
      for (const [index, value] of right.entries()) {
        for (const wrong of wrongValues(value)) {
          const message = new RegExp(`^argument ${index + 1} must be an? `);
          expect(() => native(...right.with(index, wrong)), String(wrong)).toThrow(
            expect.objectContaining({
              name: 'TypeError',
              code: 'ERR_INVALID_ARG_TYPE',
              message: expect.stringMatching(message),
            }),
          );
        }
      }
    });

    test('throws a TypeError for arguments that are missing', () => {
      for (let count = 0; count < right.length; count++) {
        expect(() => native(...right.slice(0, count))).toThrow(TypeError);
      }
    });
  });
});

describe('a watcher', () => {
  const fd = calls.eventfd(0, 0);
  const watcher = open(fd);
  const methods = Object.getPrototypeOf(watcher) as Readonly<Record<string, Native>>;

  test('takes an integer for its events, and nothing else', () => {
    const update = watcher.update.bind(watcher) as Native;
    for (const wrong of NOT_INTEGERS) expect(() => update(wrong)).toThrow(TypeError);
    expect(update(0)).toBe(0);
  });

  test('has methods that no other object can borrow', () => {
    for (const name of ['update', 'ref', 'unref', 'close']) {
      for (const foreign of [{}, undefined, 1, new (class {})(), calls, Object.create(watcher)]) {
        expect(() => methods[name]?.call(foreign, 0), name).toThrow(TypeError);
      }
    }
  });

  test('that a program constructs itself is closed, and harmless', () => {
    const DescriptorWatcher = watcher.constructor as new (...args: unknown[]) => typeof watcher;
    const constructed = new DescriptorWatcher(1, 2, 3);
    expect(constructed.update(1)).toBe(-9);
    constructed.ref();
    constructed.unref();
    constructed.close();
    expect(() => (DescriptorWatcher as unknown as Native)()).toThrow(TypeError);
  });

  test('ends the same way as it does for a program that behaves', () => {
    watcher.close();
    expect(calls.close(fd)).toBe(0);
  });
});
