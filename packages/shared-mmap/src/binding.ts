import { invalidArgument, PageferryError } from '@pageferry/core';
import type { LinuxCalls } from '@pageferry/linux';

/**
 * Who makes the system calls: the native addon (`@pageferry/linux-napi`), FFI without any compiled
 * code of ours (`@pageferry/linux-ffi`, to be installed beside this package), or calls of your own.
 */
export type Binding = 'napi' | 'ffi' | LinuxCalls;

const PACKAGES = { napi: '@pageferry/linux-napi', ffi: '@pageferry/linux-ffi' } as const;

/**
 * Loads a binding, when it is first needed: whoever chooses FFI need not have the addon.
 *
 * @throws `INVALID_ARGUMENT`, `BINDING_UNAVAILABLE` with the reason in `cause`.
 */
export async function loadBinding(binding: Binding | undefined): Promise<LinuxCalls> {
  const chosen = binding === undefined ? 'napi' : binding;
  if (typeof chosen === 'object' && typeof chosen?.mmap === 'function') return chosen;
  if (chosen !== 'napi' && chosen !== 'ffi') {
    throw invalidArgument('binding', binding, "'napi', 'ffi', or an implementation of LinuxCalls");
  }
  const name = PACKAGES[chosen];
  let loaded: { readonly loadLinuxCalls: () => LinuxCalls };
  try {
    loaded = await import(name);
  } catch (cause) {
    throw new PageferryError('BINDING_UNAVAILABLE', `${name} cannot be loaded: is it installed?`, {
      cause,
    });
  }
  return loaded.loadLinuxCalls();
}
