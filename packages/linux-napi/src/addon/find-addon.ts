import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TARGETS } from './targets.js';
import { cLibraryOfThisSystem } from './this-system.js';

/** The environment variable that names an addon. */
export const VARIABLE = 'PAGEFERRY_LINUX_NAPI_ADDON';

const SCOPE = '@pageferry/linux-napi-';

/** Why there is no addon to load: a sentence without its full stop. */
export class NoAddon extends Error {
  override readonly name = 'NoAddon';
}

/**
 * The file of the addon: the one that the environment names; one that was compiled in this package's folder;
 * the prebuilt one of this platform, a package of its own.
 *
 * @throws {@link NoAddon}
 */
export function findAddon(): string {
  const chosen = process.env[VARIABLE];
  if (chosen) return resolve(chosen);
  const folder = packageFolder();
  const built = join(folder, 'build/Release/linux_napi.node');
  return existsSync(built) ? built : findPrebuilt(folder);
}

function findPrebuilt(folder: string): string {
  const { name: libc } = cLibraryOfThisSystem();
  const platform = Object.keys(TARGETS).find(
    (name) => TARGETS[name]?.arch === process.arch && TARGETS[name]?.libc === libc,
  );
  if (platform === undefined) {
    throw new NoAddon(`there is no prebuilt one for ${process.arch} with ${libc}`);
  }
  const path = resolvePrebuilt(platform, folder);
  if (path !== undefined) return path;
  if (!isOurs(folder)) {
    throw new NoAddon(
      `the package was bundled into ${folder}, without its addon: leave @pageferry/linux-napi out of the bundle ` +
        `("external"), or install ${SCOPE}${platform} beside it`,
    );
  }
  const other = Object.keys(TARGETS).find((name) => resolvePrebuilt(name, folder) !== undefined);
  const instead =
    other === undefined
      ? ' (it is an optional dependency: was the installation told to omit those?)'
      : `, but ${SCOPE}${other} is: node_modules was installed for another system`;
  throw new NoAddon(`${SCOPE}${platform} is not installed${instead}`);
}

function resolvePrebuilt(platform: string, folder: string): string | undefined {
  try {
    return createRequire(join(folder, 'package.json')).resolve(
      `${SCOPE}${platform}/linux_napi.node`,
    );
  } catch {
    // Not there, whatever the reason: a file that is there and does not load is found out later.
    return undefined;
  }
}

/** Where this package is; where the bundle is, if it was bundled. */
function packageFolder(): string {
  const { url } = import.meta as { readonly url?: string };
  // What a bundler makes of it that writes CommonJS.
  if (url === undefined) {
    throw new NoAddon(
      'the package was bundled into one that is CommonJS: leave @pageferry/linux-napi out of the bundle ("external")',
    );
  }
  return fileURLToPath(new URL('../..', url));
}

function isOurs(folder: string): boolean {
  try {
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
      name?: string;
    };
    return manifest.name === '@pageferry/linux-napi';
  } catch {
    return false;
  }
}
