import { expect } from 'vitest';
import { expectFailure } from './expectations.js';

/** What is no length, count or limit. */
export const NO_INTEGERS: readonly unknown[] = [
  -1,
  0.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  2 ** 53,
  '5',
  10n,
  null,
  true,
  Buffer.alloc(5),
  {},
];

/** What is not bytes. */
export const NO_BYTES: readonly unknown[] = [
  undefined,
  null,
  5,
  'bytes',
  [1, 2, 3],
  {},
  new ArrayBuffer(5),
  [new Uint8Array(5), 'bytes'],
  // A hole.
  new Array(1),
];

/** What are no options of a call that waits. */
export const NO_OPTIONS: readonly unknown[] = [
  null,
  5,
  'soon',
  { signal: 'now' },
  { signal: {} },
  { signal: null },
  ...[-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, '5', null].map((timeout) => ({
    timeout,
  })),
];

/** What is no descriptor. */
export const NO_DESCRIPTORS: readonly unknown[] = [
  undefined,
  null,
  -1,
  1.5,
  Number.NaN,
  2 ** 31,
  '1',
  {},
  { fd: -1 },
  { fd: '1' },
];

/** Expects every one of `values` to be refused, naming the argument. */
export async function expectRefused(
  values: readonly unknown[],
  call: (value: never) => unknown,
  ...names: readonly string[]
): Promise<void> {
  for (const value of values) {
    const error = await expectFailure(() => call(value as never), 'INVALID_ARGUMENT');
    expect(names, error.message).toContain(error.argument);
  }
}

/** What is neither true nor false. */
export const NO_FLAGS: readonly unknown[] = [null, 0, 1, 'true', {}, []];
