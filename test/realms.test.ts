import { describe, expect, test } from 'vitest';
import { checkRealms, realmErrors } from '../scripts/check-realms.js';

describe("what works in Node's main context alone (11.18)", () => {
  test('is in no package', () => {
    const { count, wrong } = checkRealms();
    expect(count).toBeGreaterThan(100);
    expect(wrong).toEqual([]);
  });

  test.each([
    ['  using file = open();', 'x.ts:1: using file: close it in `finally`'],
    ['{\n  await using peer = start();', 'x.ts:2: await using peer: close it in `finally`'],
    [
      'for await (using delivery of receiver) {}',
      'x.ts:1: for await (using delivery: close it in `finally`',
    ],
    [
      '[Symbol.dispose](): void {}',
      'x.ts:1: Symbol.dispose: use `dispose` or `asyncDispose` of @pageferry/core',
    ],
    [
      'if (value instanceof Uint8Array) return;',
      'x.ts:1: instanceof Uint8Array: ask `types` of node:util, or look at its shape',
    ],
  ])('is reported: %s', (text, problem) => {
    expect(realmErrors('x.ts', text)).toEqual([problem]);
  });

  test.each([
    ' * for await (using delivery of receiver) process(delivery.bytes);',
    '// Symbol.dispose is not there.',
    '[dispose](): void {}',
    'error instanceof PageferryError',
    'const using = 1;',
  ])('is not: %s', (text) => {
    expect(realmErrors('x.ts', text)).toEqual([]);
  });
});
