import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const ROOT = new URL('../../../', import.meta.url);
const CONTRACT = readFileSync(new URL('docs/transfer-contract.md', ROOT), 'utf8');

/** The first column of every table of codes. */
const explained = [...CONTRACT.matchAll(/^\| `([A-Z_]+)` +\|/gm)].map(([, code]) => code);

/** All that the packages are made of. */
function sources(): string {
  const folders = readdirSync(new URL('packages', ROOT)).filter((name) => name !== 'conformance');
  return folders
    .map((name) => new URL(`packages/${name}/src/`, ROOT))
    .flatMap((folder) =>
      readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ts'))
        .map((name) => readFileSync(new URL(name, folder), 'utf8')),
    )
    .join('\n');
}

test('the transfer contract explains every code of an error, and no other', () => {
  const errors = readFileSync(new URL('packages/core/src/errors.ts', ROOT), 'utf8');
  const [, union = ''] = /export type ErrorCode =(.*?);\n/s.exec(errors) ?? [];
  const codes = [...union.matchAll(/\| '([A-Z_]+)'/g)].map(([, code]) => code);
  expect(codes.length).toBeGreaterThan(15);
  expect(explained.filter((code) => !code?.startsWith('PAGEFERRY_'))).toEqual(codes);
});

test('the transfer contract explains every warning', () => {
  const warnings = sources().matchAll(/'(PAGEFERRY_[A-Z_]+)'/g);
  const codes = new Set([...warnings].map(([, code]) => code));
  codes.delete('PAGEFERRY_LINUX_NAPI_ADDON'); // An environment variable.
  codes.delete('PAGEFERRY_PARENT'); // Another one.
  codes.delete('PAGEFERRY_FAILING_CALLS'); // And one of the tests.
  expect(codes.size).toBeGreaterThan(3);
  expect(new Set(explained.filter((code) => code?.startsWith('PAGEFERRY_')))).toEqual(codes);
});
