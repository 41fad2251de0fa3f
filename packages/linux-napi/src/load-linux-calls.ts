import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PageferryError } from '@pageferry/core';
import type { LinuxCalls } from '@pageferry/linux';
import type { LinuxNapiAddon } from './native.js';

const require = createRequire(import.meta.url);
const packageFolder = fileURLToPath(new URL('..', import.meta.url));

/**
 * Loads the addon and returns its system calls; the same object every time it is called on one
 * thread.
 *
 * The addon is, in this order: the file that the environment variable `PAGEFERRY_LINUX_NAPI_ADDON`
 * names; one that was compiled in this package's folder; a prebuilt one that came with the package.
 *
 * @throws `BINDING_UNAVAILABLE` if there is none, or it does not load; `cause` says why.
 */
export function loadLinuxCalls(): LinuxCalls {
  if (process.platform !== 'linux') {
    throw unavailable('it is for Linux, use the socket transport here', undefined);
  }
  const { PAGEFERRY_LINUX_NAPI_ADDON: chosen } = process.env;
  try {
    return chosen ? loadFile(chosen) : findAndLoad();
  } catch (cause) {
    const advice = chosen
      ? 'PAGEFERRY_LINUX_NAPI_ADDON must name a .node file built for this machine'
      : 'use @pageferry/socket here, or compile the addon in a clone of the repository (`pnpm build`)';
    throw unavailable(advice, cause);
  }
}

function loadFile(path: string): LinuxNapiAddon {
  return require(resolve(path)) as LinuxNapiAddon;
}

function findAndLoad(): LinuxNapiAddon {
  const find = require('node-gyp-build') as (folder: string) => LinuxNapiAddon;
  return find(packageFolder);
}

function unavailable(advice: string, cause: unknown): PageferryError {
  return new PageferryError(
    'BINDING_UNAVAILABLE',
    `the addon of @pageferry/linux-napi cannot be loaded: ${advice}`,
    { cause },
  );
}
