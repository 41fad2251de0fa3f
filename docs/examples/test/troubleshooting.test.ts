import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
const page = read('docs/troubleshooting.md');

/** The entries of the page: what stands below each heading that is a code. */
const entries = new Map(
  [...page.matchAll(/^### `([A-Z_]+)`\n(.*?)(?=^##|\n(?![\s\S]))/gms)].map(
    ([, code = '', entry = '']) => [code, entry],
  ),
);

test('every code of an error has its entry: meaning, causes, what to do (16.16)', () => {
  const [, union = ''] =
    /export type ErrorCode =(.*?);\n/s.exec(read('packages/core/src/errors.ts')) ?? [];
  const codes = [...union.matchAll(/\| '([A-Z_]+)'/g)].map(([, code = '']) => code);
  expect(codes.length).toBeGreaterThan(15);
  expect([...entries.keys()].toSorted()).toEqual(codes.toSorted());
  for (const [code, entry] of entries) {
    expect(entry, code).toMatch(/^- \*\*Means:\*\* \S/m);
    expect(entry, code).toMatch(/^- \*\*Causes( and what to do)?\b\S* ?\S/m);
    if (code !== 'SYSTEM_CALL_FAILED') expect(entry, code).toMatch(/^- \*\*Do:\*\* \S/m);
  }
});

test('every process warning says what to do', () => {
  const explained = (text: string) =>
    [...text.matchAll(/^\| `(PAGEFERRY_[A-Z_]+)` +\|/gm)].map(([, code]) => code);
  // That page is held to name what the sources say (codes.test.ts).
  expect(explained(page)).toEqual(explained(read('docs/transfer-contract.md')));
});
