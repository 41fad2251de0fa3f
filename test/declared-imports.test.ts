import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { describe, expect, test } from 'vitest';
import { readPackages } from '../scripts/check-packages.js';

const PACKAGES = new URL('../packages/', import.meta.url);

// Biome looks at what is written; the compiler writes `import('…')` into declarations by itself.
describe('what is shipped imports only what its manifest declares', () => {
  test.each(readPackages('packages').map((manifest) => [manifest.name, manifest]))(
    '%s',
    (name, { dependencies, optionalDependencies, peerDependencies }) => {
      const all = { ...dependencies, ...optionalDependencies, ...peerDependencies };
      const declared = new Set([name, ...Object.keys(all)]);
      const folder = new URL(`${name.replace('@pageferry/', '')}/`, PACKAGES);
      const files = ['dist', 'bundle'].flatMap((made) => filesIn(folder, made));
      expect(files).not.toEqual([]);
      const undeclared = files.flatMap((file) =>
        packagesIn(readFileSync(new URL(file, folder), 'utf8'))
          .filter((imported) => !declared.has(imported) && !isBuiltin(imported))
          .map((imported) => `${file}: ${imported}`),
      );
      expect(undeclared).toEqual([]);
    },
  );

  // Declarations that speak of Node's types need `@types/node`, which a package manager that keeps packages apart
  // gives only to those that ask for it.
  const published = readPackages('packages').filter((manifest) => manifest.private !== true);
  test.each(published.map((manifest) => [manifest.name, manifest]))(
    "%s asks for Node's types if its own speak of them",
    (name, { peerDependencies = {}, peerDependenciesMeta = {} }) => {
      const dist = new URL(`${name.replace('@pageferry/', '')}/dist/`, PACKAGES);
      const isSpokenOf = readdirSync(dist, { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith('.d.ts'))
        .some((file) => speaksOfNode(readFileSync(new URL(file, dist), 'utf8')));
      expect('@types/node' in peerDependencies).toBe(isSpokenOf);
      expect(peerDependenciesMeta['@types/node']?.optional === true).toBe(isSpokenOf);
    },
  );
});

/** Modules and declarations in a folder of a package, if it has that. */
function filesIn(folder: URL, made: string): readonly string[] {
  const place = new URL(`${made}/`, folder);
  if (!existsSync(place)) return [];
  return readdirSync(place, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(d\.c?ts|c?js)$/.test(file))
    .map((file) => `${made}/${file}`);
}

/** Whether declarations have types of Node. What comments say does not count. */
function speaksOfNode(source: string): boolean {
  const code = source.replace(/\/\*.*?\*\/|\/\/.*$/gms, '');
  return packagesIn(source).some(isBuiltin) || /\b(NodeJS\.|Buffer\b)/.test(code);
}

/** The packages that a module imports from, without its own files. */
function packagesIn(source: string): string[] {
  const statements = source.matchAll(
    /^(?:import|export)\s(?:[\w$*{},\s]+\bfrom )?['"]([^'"\n]+)['"]/gm,
  );
  const expressions = source.matchAll(/\b(?:import|require)\(['"]([^'"\n]+)['"]\)/g);
  return [...statements, ...expressions]
    .map(([, specifier = '']) => specifier)
    .filter((specifier) => !/^[.#]/.test(specifier)) // Files of its own, by `imports` also.
    .map((specifier) => /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier);
}
