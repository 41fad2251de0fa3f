import { existsSync, readFileSync } from 'node:fs';
import type { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where a module is, and where what belongs to it may be. */
export interface Surroundings {
  /** The folder of its package; `undefined` if it was bundled into another one, where its other files are not. */
  readonly folder: string | undefined;
  /** Files from whose folders it is looked for, the nearest first. */
  readonly places: readonly string[];
}

/**
 * Finds out where a module is now: in the package that it was written in, or in what a bundler has made of it.
 *
 * @param url `import.meta.url` of the module. Bundlers that write CommonJS leave it out, and webpack puts in what it
 *   was where the bundle was made.
 */
export function surroundingsOf(packageName: string, url: string | undefined): Surroundings {
  const own = url?.startsWith('file:') ? fileURLToPath(url) : undefined;
  const folder = own && folderOfPackage(packageName, own);
  const places = folder ? [own] : [own, commonJsFile(), process.argv[1]];
  return { folder, places: [...new Set(places)].filter((place) => place !== undefined) };
}

/**
 * A file of a package besides its modules, such as the program of a thread, if it is there: it is not where the module
 * that asks was bundled, or moved without it.
 *
 * @param path in the one form that programs know which collect the files of an application, and that bundlers do not
 *   take for an asset of theirs: `${import.meta.dirname}/program.js`.
 */
export function fileOfPackage(packageName: string, path: string): string | undefined {
  const isOurs = folderOfPackage(packageName, path) !== undefined;
  return isOurs && existsSync(path) ? path : undefined;
}

/**
 * `createRequire` of node:module, which webpack takes for its own where it is imported, and replaces by `undefined`
 * where a path is known only when the program runs.
 */
export function requireFrom(place: string): ReturnType<typeof createRequire> {
  return process.getBuiltinModule('node:module').createRequire(place);
}

/**
 * Where a module or a file of a package is, by what `require.resolve` says.
 *
 * @param places from which it is looked for, one after the other: {@link Surroundings.places}.
 * @returns `undefined` if it is found from none of them, whatever the reason: what is there and does not load says so
 *   when it is loaded.
 */
export function resolveFrom(places: readonly string[], name: string): string | undefined {
  for (const place of places) {
    try {
      return requireFrom(place).resolve(name);
    } catch {
      // Not from there.
    }
  }
  return undefined;
}

/** The folder of the nearest package with a name, if that is the one. */
function folderOfPackage(packageName: string, file: string): string | undefined {
  for (let path = file, folder = dirname(file); folder !== path; ) {
    const name = nameOfPackage(join(folder, 'package.json'));
    if (name !== undefined) return name === packageName ? folder : undefined;
    path = folder;
    folder = dirname(path);
  }
  return undefined;
}

/** `undefined` if there is no package, or one without a name, such as tells the kind of the modules in a folder. */
function nameOfPackage(manifest: string): string | undefined {
  try {
    return (JSON.parse(readFileSync(manifest, 'utf8')) as { name?: string }).name;
  } catch {
    return undefined;
  }
}

/** The file of the CommonJS module that a bundler has made. */
function commonJsFile(): string | undefined {
  try {
    return __filename;
  } catch {
    return undefined; // There is none, and `typeof` does not tell: webpack answers that itself.
  }
}
