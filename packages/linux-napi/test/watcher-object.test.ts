import type { DescriptorWatcher } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { describe, expect, test } from 'vitest';

type Native = (...args: readonly unknown[]) => unknown;

const calls = loadLinuxCalls();

function open(fd: number): DescriptorWatcher {
  const watcher = calls.watch(fd, 1, () => {});
  if (typeof watcher === 'number') throw new Error(`watch answered ${watcher}`);
  return watcher;
}

describe('a watcher', () => {
  const fd = calls.eventfd(0, 0);
  const watcher = open(fd);
  const methods = Object.getPrototypeOf(watcher) as Readonly<Record<string, Native>>;

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
