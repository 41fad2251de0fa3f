import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PageferryError } from '@pageferry/core';
import { checkSpareDescriptors, type LinuxCalls } from '@pageferry/linux';
import type { LinuxNapiAddon } from './native.js';

const require = createRequire(import.meta.url);
const packageFolder = fileURLToPath(new URL('..', import.meta.url));
// Now, and not when it is needed: Node remembers of a package that it could not read it.
const find = require('node-gyp-build') as (folder: string) => LinuxNapiAddon;

/**
 * Loads the addon and returns its system calls; the same object every time it is called on one
 * thread.
 *
 * The addon is, in this order: the file that the environment variable `PAGEFERRY_LINUX_NAPI_ADDON`
 * names; one that was compiled in this package's folder; a prebuilt one that came with the package.
 *
 * @throws `BINDING_UNAVAILABLE` if there is none, or it does not load; `cause` says why.
 *   `SYSTEM_CALL_FAILED` (`EMFILE`, `ENFILE`) if there is no descriptor left to open it with; it loads once
 *   there is.
 */
export function loadLinuxCalls(): LinuxCalls {
  if (process.platform !== 'linux') {
    throw unavailable('it is for Linux, use the socket transport here', undefined);
  }
  const { PAGEFERRY_LINUX_NAPI_ADDON: chosen } = process.env;
  try {
    return chosen ? loadFile(chosen) : find(packageFolder);
  } catch (cause) {
    checkSpareDescriptors(1, cause);
    const advice = chosen
      ? 'PAGEFERRY_LINUX_NAPI_ADDON must name a .node file built for this machine'
      : 'use @pageferry/socket here, or compile the addon in a clone of the repository (`pnpm build`)';
    throw unavailable(advice, cause);
  }
}

function loadFile(path: string): LinuxNapiAddon {
  return require(resolve(path)) as LinuxNapiAddon;
}

function unavailable(advice: string, cause: unknown): PageferryError {
  return new PageferryError(
    'BINDING_UNAVAILABLE',
    `the addon of @pageferry/linux-napi cannot be loaded: ${advice}`,
    { cause },
  );
}
