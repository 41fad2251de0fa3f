import { PageferryError, usePastCache } from '@pageferry/core';
import {
  checkSpareDescriptors,
  ENOSYS,
  isCutOff,
  type LinuxCalls,
  otherRuntime,
  requireFrom,
  whyNoAddons,
  withTimedWatchers,
} from '@pageferry/linux';
import prebuilt from '#prebuilt';
import {
  findAddon,
  NoAddon,
  platformOfThisSystem,
  VARIABLE,
  whyNoAddon,
} from './addon/find-addon.js';
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

/** For Bun and Deno: which addon it is of, and the calls. */
let timed: { readonly of: LinuxNapiAddon; readonly calls: LinuxCalls } | undefined;

/** What is loaded already is not looked at again: it may be replaced meanwhile. */
const loaded = new Set<string>();

/**
 * Loads the addon and returns its system calls; the same object every time it is called on one
 * thread. What does not load is tried anew the next time.
 *
 * The addon is, in this order: the file that the environment variable `PAGEFERRY_LINUX_NAPI_ADDON`
 * names; one that was compiled in this package's folder; the prebuilt one of this platform, which is a package of
 * its own (`@pageferry/linux-napi-linux-x64-gnu` and so on, an optional dependency); where this package was bundled
 * into another file, `linux_napi.node` beside that.
 *
 * @throws `BINDING_UNAVAILABLE` if there is none, or it does not load; `message` says why and what helps, `cause`
 *   is what Node said. `SYSTEM_CALL_FAILED` (`EMFILE`, `ENFILE`) if there is no descriptor left to open it with;
 *   it loads once there is.
 */
export function loadLinuxCalls(): LinuxCalls {
  if (process.platform !== 'linux') {
    throw unavailable('it is for Linux, use the socket transport here', undefined);
  }
  let path: string | undefined;
  try {
    path = findAddon();
    if (path === undefined) return callsOf(loadNamed());
    // Of the file itself, so that nothing has to be known of where this module is.
    if (!loaded.has(path) && isCutOff(path)) throw new Error('the file is cut off');
    const addon = requireFrom(path)(path) as LinuxNapiAddon;
    loaded.add(path);
    return callsOf(addon);
  } catch (cause) {
    checkSpareDescriptors(1, cause);
    if (cause instanceof NoAddon) throw unavailable(`${cause.message}. ${REMEDIES}`, cause);
    const forbidden = whyNoAddons(cause);
    if (forbidden !== undefined) {
      throw unavailable(`${forbidden}. ${REMEDIES_WITHOUT_ADDONS}`, cause);
    }
    const chosen = process.env[VARIABLE] ? `${VARIABLE} must name one for this machine, but ` : '';
    throw unavailable(`${chosen}${whyNotLoaded(path, cause)}. ${REMEDIES}`, cause);
  }
}

/**
 * Bun and Deno load the addon, but have no event loop that it could wait on: see `docs/runtimes.md`. JavaScriptCore uses
 * the signal by which a write to a read-only page would be explained.
 */
function callsOf(addon: LinuxNapiAddon): LinuxCalls {
  usePastCache(addon.copyPastCache);
  if (otherRuntime() === undefined) return addon;
  if (timed?.of !== addon) {
    timed = { of: addon, calls: { ...withTimedWatchers(addon), explainWrites: () => -ENOSYS } };
  }
  return timed.calls;
}

/** What has no path that could be found out: where a program has collected the files of an application. */
function loadNamed(): LinuxNapiAddon {
  const loaded = prebuilt.loadPrebuilt(platformOfThisSystem());
  if (loaded === undefined) throw whyNoAddon();
  return loaded as LinuxNapiAddon;
}

function unavailable(reason: string, cause: unknown): PageferryError {
  return new PageferryError(
    'BINDING_UNAVAILABLE',
    `the addon of @pageferry/linux-napi cannot be loaded: ${reason}`,
    { cause },
  );
}
