import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { readPackages } from '../scripts/check-packages.js';

// `pnpm test:install --only types` compiles with TypeScript 5.2; this looks for what that did not know, in the
// declarations that a user's program leads to. TypeScript 5.7 gave typed arrays and buffers a parameter.
const PACKAGES = fileURLToPath(new URL('../packages/', import.meta.url));
const UNKNOWN = /\b(?:\w+Array|Buffer|DataView)<(?:ArrayBuffer|SharedArrayBuffer)/g;
/** Suites for those who write a backend, in this repository. */
const NOT_FOR_USERS = ['@pageferry/conformance', '@pageferry/measuring', '@pageferry/testkit'];

/** The declarations that one leads to, without those of other packages. */
function reachedFrom(file: string, reached = new Set<string>()): Set<string> {
  if (reached.has(file)) return reached;
  reached.add(file);
  const imports = readFileSync(file, 'utf8').matchAll(/(?:from|import\() ?['"](\.[^'"]+)\.js['"]/g);
  for (const [, path = ''] of imports) reachedFrom(join(dirname(file), `${path}.d.ts`), reached);
  return reached;
}

describe('declarations are read by TypeScript 5.2', () => {
  const names = readPackages('packages').map(({ name }) => name);
  test.each(names.filter((name) => !NOT_FOR_USERS.includes(name)))('%s', (name) => {
    const folder = join(PACKAGES, name.replace('@pageferry/', ''));
    const { exports } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
      exports: Record<string, { types?: string }>;
    };
    const entries = Object.values(exports).flatMap(({ types }) => types ?? []);
    expect(entries).not.toEqual([]);
    const reached = new Set(entries.flatMap((types) => [...reachedFrom(join(folder, types))]));
    const found = [...reached].flatMap((file) => {
      const code = readFileSync(file, 'utf8').replace(/^[ \t]*(?:\/\*\*|\*).*$/gm, '');
      return [...code.matchAll(UNKNOWN)].map(([words]) => `${file}: ${words}`);
    });
    expect(found).toEqual([]);
  });
});
