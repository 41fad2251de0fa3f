import { createRequire } from 'node:module';
import { PageferryError } from '@pageferry/core';
import {
  checkSpareDescriptors,
  isCutOff,
  type LinuxCalls,
  otherRuntime,
  whyNoAddons,
} from '@pageferry/linux';
import { findAddon, NoAddon, VARIABLE } from './addon/find-addon.js';
import { whyNotLoaded } from './addon/why-not.js';
import type { LinuxNapiAddon } from './native.js';

const REMEDIES =
  'What helps, in this order: install @pageferry/linux-ffi, which makes the same calls (for pipes ' +
  `@pageferry/vmsplice-ffi); name an addon for this machine in ${VARIABLE}; compile one here, ` +
  '`npx pageferry-build-addon`. @pageferry/socket works without any of them.';

/** With `--no-addons` no file helps, and koffi is an addon itself. */
const REMEDIES_WITHOUT_ADDONS =
  'What helps, in this order: use @pageferry/socket, which needs no addon; with Node 26.9 or later, ' +
  '@pageferry/linux-ffi with its driver `node` (node:ffi); start Node without that option.';

/** They load it, and abort when it is used or when the process ends. */
const FOR_OTHER_RUNTIMES = '@pageferry/socket works with both Bun and Deno, without an addon.';

/** What is loaded already is not looked at again: it may be replaced meanwhile. */
const loaded = new Set<string>();

/**
 * Loads the addon and returns its system calls; the same object every time it is called on one
 * thread. What does not load is tried anew the next time.
 *
 * The addon is, in this order: the file that the environment variable `PAGEFERRY_LINUX_NAPI_ADDON`
 * names; one that was compiled in this package's folder; the prebuilt one of this platform, which is a package of
 * its own (`@pageferry/linux-napi-linux-x64-gnu` and so on, an optional dependency).
 *
 * @throws `BINDING_UNAVAILABLE` if there is none, or it does not load; `message` says why and what helps, `cause`
 *   is what Node said. `SYSTEM_CALL_FAILED` (`EMFILE`, `ENFILE`) if there is no descriptor left to open it with;
 *   it loads once there is.
 */
export function loadLinuxCalls(): LinuxCalls {
  if (process.platform !== 'linux') {
    throw unavailable('it is for Linux, use the socket transport here', undefined);
  }
  const runtime = otherRuntime();
  if (runtime !== undefined) {
    throw unavailable(`it is for Node, and this is ${runtime}. ${FOR_OTHER_RUNTIMES}`, undefined);
  }
  const path = find();
  try {
    // Of the file itself, so that nothing has to be known of where this module is.
    const require = createRequire(path);
    if (!loaded.has(path) && isCutOff(path)) throw new Error('the file is cut off');
    const addon = require(path) as LinuxNapiAddon;
    loaded.add(path);
    return addon;
  } catch (cause) {
    checkSpareDescriptors(1, cause);
    const forbidden = whyNoAddons(cause);
    if (forbidden !== undefined)
      throw unavailable(`${forbidden}. ${REMEDIES_WITHOUT_ADDONS}`, cause);
    const chosen = process.env[VARIABLE] ? `${VARIABLE} must name one for this machine, but ` : '';
    throw unavailable(`${chosen}${whyNotLoaded(path, cause)}. ${REMEDIES}`, cause);
  }
}

function find(): string {
  try {
    return findAddon();
  } catch (cause) {
    checkSpareDescriptors(1, cause);
    if (!(cause instanceof NoAddon)) throw cause;
    throw unavailable(`${cause.message}. ${REMEDIES}`, cause);
  }
}

function unavailable(reason: string, cause: unknown): PageferryError {
  return new PageferryError(
    'BINDING_UNAVAILABLE',
    `the addon of @pageferry/linux-napi cannot be loaded: ${reason}`,
    { cause },
  );
}
