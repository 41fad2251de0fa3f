import { describe, expect, test } from 'vitest';
import type { SuiteContext } from './registration.js';
import { HARMLESS_ARGUMENTS } from './support/harmless-arguments.js';
import { useResources } from './support/resources.js';
import { useWatchers } from './support/watchers.js';

type Native = (...args: readonly unknown[]) => unknown;

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
      return NOT_MEMORY;
  }
}

/** Arguments of the wrong JavaScript type: mistakes of the program, and nothing for the kernel. */
export function describeArguments({ calls }: SuiteContext): void {
  const natives = calls as unknown as Readonly<Record<string, Native>>;

  describe('arguments of the wrong type', () => {
    test('every method is covered, and there are no others', () => {
      const methods = Object.keys(natives).filter((name) => typeof natives[name] === 'function');
      expect(Object.keys(HARMLESS_ARGUMENTS).sort()).toEqual(methods.sort());
    });

    describe.each(Object.entries(HARMLESS_ARGUMENTS))('%s', (name, right) => {
      const native = natives[name] as Native;

      test('does not throw for the right types, whatever the call answers', async () => {
        await expect(Promise.resolve(native(...right))).resolves.toBeDefined();
      });
    });

    const withArguments = Object.entries(HARMLESS_ARGUMENTS).filter(
      ([, right]) => right.length > 0,
    );
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

  describe('the events of a watcher', () => {
    const resources = useResources(calls);
    const { watch } = useWatchers(calls);

    test('are an integer, and nothing else', () => {
      const watcher = watch(resources.pipe()[0], 1, () => {});
      const update = watcher.update.bind(watcher) as Native;
      for (const wrong of NOT_INTEGERS) expect(() => update(wrong)).toThrow(TypeError);
      expect(update(0)).toBe(0);
    });
  });
}
