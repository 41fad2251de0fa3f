import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { resolveFrom, type Surroundings, surroundingsOf } from '@pageferry/linux';
import { TARGETS } from './targets.js';
import { cLibraryOfThisSystem } from './this-system.js';

/** The environment variable that names an addon. */
export const VARIABLE = 'PAGEFERRY_LINUX_NAPI_ADDON';

const PACKAGE = '@pageferry/linux-napi';
const FILE = 'linux_napi.node';

/** Why there is no addon to load: a sentence without its full stop. */
export class NoAddon extends Error {
  override readonly name = 'NoAddon';
}

/** Where this module is. */
const here = (): Surroundings => surroundingsOf(PACKAGE, import.meta.url);

/**
 * The file of the addon: the one that the environment names; one that was compiled in this package's folder; the
 * prebuilt one of this platform, a package of its own; or one beside the bundle that this package was put into.
 *
 * @returns `undefined` if there is none that can be named.
 * @throws {@link NoAddon} if there cannot be one.
 */
export function findAddon({ folder, places } = here()): string | undefined {
  const chosen = process.env[VARIABLE];
  if (chosen) return resolve(chosen);
  if (folder !== undefined) {
    const built = join(folder, 'build/Release', FILE);
    if (existsSync(built)) return built;
  }
  const prebuilt = resolvePrebuilt(platformOfThisSystem(), places);
  if (prebuilt !== undefined || folder !== undefined) return prebuilt;
  return places.map((place) => join(dirname(place), FILE)).find((path) => existsSync(path));
}

/**
 * The platform that an addon has to be for, as the folders under `npm` are called.
 *
 * @throws {@link NoAddon} if there are none for it.
 */
export function platformOfThisSystem(): string {
  const { name: libc } = cLibraryOfThisSystem();
  const platform = Object.keys(TARGETS).find(
    (name) => TARGETS[name]?.arch === process.arch && TARGETS[name]?.libc === libc,
  );
  if (platform === undefined) {
    throw new NoAddon(`there is no prebuilt one for ${process.arch} with ${libc}`);
  }
  return platform;
}

/** Why there is none to be found. */
export function whyNoAddon({ folder, places } = here()): NoAddon {
  const platform = platformOfThisSystem();
  if (folder === undefined) {
    const where = places.length === 0 ? 'another file' : places.join(', ');
    return new NoAddon(
      `the package was bundled into ${where}, without its addon: leave ${PACKAGE} out of the bundle ("external"), ` +
        `or copy ${FILE} of ${PACKAGE}-${platform} beside it`,
    );
  }
  const other = Object.keys(TARGETS).find((name) => resolvePrebuilt(name, places) !== undefined);
  const instead =
    other === undefined
      ? ' (it is an optional dependency: was the installation told to omit those?)'
      : `, but ${PACKAGE}-${other} is: node_modules was installed for another system`;
  return new NoAddon(`${PACKAGE}-${platform} is not installed${instead}`);
}

function resolvePrebuilt(platform: string, places: readonly string[]): string | undefined {
  return resolveFrom(places, `${PACKAGE}-${platform}/${FILE}`);
}
