import { invalidArgument, PageferryError } from '@pageferry/core';
import { checkSpareDescriptors, type LinuxCalls } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';

/**
 * Who makes the system calls: the native addon (`@pageferry/linux-napi`), FFI without any compiled
 * code of ours (`@pageferry/linux-ffi`, to be installed beside this package), or calls of your own.
 */
export type Binding = 'napi' | 'ffi' | LinuxCalls;

const FFI = '@pageferry/linux-ffi';

/** What Node may take at once to read the modules of that package. */
const DESCRIPTORS = 40;

/**
 * Loads a binding, when it is first needed: whoever chooses FFI need not have the addon.
 *
 * @throws `INVALID_ARGUMENT`, `BINDING_UNAVAILABLE` with the reason in `cause`, `SYSTEM_CALL_FAILED`
 *   (`EMFILE`, `ENFILE`) without the descriptors for it.
 */
export async function loadBinding(binding: Binding | undefined): Promise<LinuxCalls> {
  const chosen = binding === undefined ? 'napi' : binding;
  if (typeof chosen === 'object' && typeof chosen?.mmap === 'function') return chosen;
  if (chosen !== 'napi' && chosen !== 'ffi') {
    throw invalidArgument('binding', binding, "'napi', 'ffi', or an implementation of LinuxCalls");
  }
  if (chosen === 'napi') return loadLinuxCalls();
  ffi ??= await importFfi();
  return ffi.loadLinuxCalls();
}

interface BindingPackage {
  readonly loadLinuxCalls: () => LinuxCalls;
}

let ffi: BindingPackage | undefined;

async function importFfi(): Promise<BindingPackage> {
  // Node 20 remembers of a module that it could not read it: better not to try.
  checkSpareDescriptors(DESCRIPTORS);
  try {
    return await import(FFI);
  } catch (cause) {
    checkSpareDescriptors(1, cause);
    throw new PageferryError('BINDING_UNAVAILABLE', `${FFI} cannot be loaded: is it installed?`, {
      cause,
    });
  }
}
