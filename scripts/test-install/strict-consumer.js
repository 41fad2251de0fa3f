// The README's programs in a project whose TypeScript is as strict as it gets.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { programsOf } from '../../docs/examples/test/harness/programs.js';
import { ROOT } from '../release/pack.js';

/**
 * How the programs are written: as they stand; as CommonJS, whose imports become `require`; or with `import()`, which
 * CommonJS has had for longer.
 *
 * @typedef {'modules' | 'commonjs' | 'dynamic'} Kind
 */

export const STRICT = {
  target: 'es2022',
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noPropertyAccessFromIndexSignature: true,
  noImplicitOverride: true,
  skipLibCheck: false,
  types: ['node'],
  noEmit: true,
};

/**
 * Writes the README's programs.
 *
 * @param {string} folder made; the packages are installed in one above it.
 * @param {Kind} kind
 */
export function writePrograms(folder, kind) {
  mkdirSync(folder, { recursive: true });
  const type = kind === 'modules' ? 'module' : 'commonjs';
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type }));
  for (const { page, file, source } of programsOf(ROOT)) {
    if (page !== 'README.md') continue;
    // They are JavaScript there, which is TypeScript, too.
    const name = file.replaceAll('/', '-').replace(/\.m?[jt]s$/, '.ts');
    writeFileSync(join(folder, name), inKind(source, kind));
  }
}

/**
 * @param {string} source
 * @param {Kind} kind
 */
function inKind(source, kind) {
  if (kind === 'modules') return source;
  const lines = source.split('\n');
  const imports = lines.filter((line) => line.startsWith('import '));
  const rest = lines.filter((line) => !line.startsWith('import '));
  const inside = imports.map((line) =>
    line.replace(/^import (.*) from (.*);$/, 'const $1 = await import($2);'),
  );
  const [outer, inner] = kind === 'commonjs' ? [imports, []] : [['export {};'], inside];
  // CommonJS has no `await` at the top.
  return [
    ...outer,
    'async function main(): Promise<void> {',
    ...inner,
    ...rest,
    '}',
    'void main();',
  ]
    .join('\n')
    .concat('\n');
}
