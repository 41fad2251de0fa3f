import { invalidArgument } from '@pageferry/core';
import { BindingLoader, type BindingPackage, type LinuxCalls } from '@pageferry/linux';
import * as napi from '@pageferry/linux-napi';

/**
 * Who makes the system calls: the native addon (`@pageferry/linux-napi`), FFI without any compiled
 * code of ours (`@pageferry/linux-ffi`, to be installed beside this package), or calls of your own.
 */
export type Binding = 'napi' | 'ffi' | LinuxCalls;

const loader = new BindingLoader(importFfi, { '@pageferry/linux-napi': napi });

/** The name is written out, and within `try`: so bundlers find it, and do without it where it is not installed. */
async function importFfi(): Promise<BindingPackage> {
  try {
    return await import('@pageferry/linux-ffi');
  } catch (cause) {
    return Promise.reject(cause);
  }
}

/**
 * Loads a binding, when it is first needed. By default it is the addon, or FFI where the addon does not load
 * and FFI is installed.
 *
 * @throws `INVALID_ARGUMENT`, and as `BindingLoader.load`.
 */
export async function loadBinding(binding: Binding | undefined): Promise<LinuxCalls> {
  if (binding === undefined) return loader.loadFirst(['napi', 'koffi']);
  if (binding === 'napi') return loader.load('napi');
  if (binding === 'ffi') return loader.load('koffi');
  if (typeof binding?.recvmsg === 'function') return binding;
  throw invalidArgument('binding', binding, "'napi', 'ffi', or an implementation of LinuxCalls");
}
